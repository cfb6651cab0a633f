import { randomInt } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { makeRun } from '../domain/label.ts';
import { type SessionInput, sessionStart } from '../workflows/messages.ts';
import type { Deps } from './deps.ts';

export type StartOrder = Pick<SessionInput, 'session' | 'request' | 'policy'>;
export type StartAnswer = { readonly kind: 'launched' | 'open-already' };

const CALL_MS = 15_000;

/** Starts a session with a run of its own; one that is open under its name is left as it is. */
export async function startSession(deps: Deps, order: StartOrder): Promise<StartAnswer> {
  const { owner } = deps.installation;
  const input: SessionInput = { ...order, owner, run: makeRun((below) => randomInt(below)) };
  try {
    await deps.temporal.withDeadline(Date.now() + CALL_MS, () =>
      deps.temporal.workflow.start('gpuSession', sessionStart(input, ', by business hours')),
    );
    return { kind: 'launched' };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return { kind: 'open-already' };
    throw error;
  }
}
