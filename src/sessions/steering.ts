import { randomUUID } from 'node:crypto';
import type { DestroyOrder, ExtendOrder } from '../client.ts';
import { Problem } from '../domain/problem.ts';
import type { SessionView } from '../domain/session.ts';
import { withDeadline } from '../temporal/connection.ts';
import { destroySignal, destroyUpdate, extendUpdate } from '../workflows/messages.ts';
import { CALL_MS, type Context, sessionHandle } from './context.ts';
import { readStatus } from './records.ts';
import { explainSilence, isEndedUnderUpdate, isGone, isUnanswered, refusalOf } from './refusals.ts';

/** How long a destroy waits for a worker's answer before it is left as a signal, which needs none. */
const DESTROY_ANSWER_MS = 4_000;

/** Adds to the keep-alive, or says why not. Without a worker nobody can judge it, and nothing is changed. */
export async function extendSession(context: Context, order: ExtendOrder): Promise<SessionView> {
  const { session, additionalMs, idempotencyKey } = order;
  try {
    return await withDeadline(context.client, CALL_MS, () =>
      sessionHandle(context, session).executeUpdate(extendUpdate, {
        args: [{ additionalMs }],
        updateId: idempotencyKey ?? randomUUID(),
      }),
    );
  } catch (error) {
    if (isGone(error)) {
      throw new Problem(
        'nothing-to-extend',
        `There is no open session ${session} to extend; launch it first.`,
      );
    }
    throw refusalOf(error) ?? (await explainSilence(context.client, error, `session ${session}`));
  }
}

/** Ends a session; where no worker answers, the wish is left in its history and done when one comes. */
export async function destroySession(
  context: Context,
  { session, waitMs = 0, reason = 'requested' }: DestroyOrder,
): Promise<{ done: boolean; view: SessionView }> {
  try {
    await askToEnd(context, session, reason);
  } catch (error) {
    // Closed already, or while we asked: what there is to say is in its record.
    if (!isGone(error) && !isEndedUnderUpdate(error)) throw error;
  }
  if (waitMs > 0) await awaitEnd(context, session, waitMs);
  const view = await readStatus(context, session);
  return { done: view.state === 'IDLE', view };
}

async function askToEnd(context: Context, session: string, reason: 'requested' | 'shutdown'): Promise<void> {
  const handle = sessionHandle(context, session);
  try {
    await withDeadline(context.client, DESTROY_ANSWER_MS, () =>
      handle.executeUpdate(destroyUpdate, { args: [{ reason }], updateId: randomUUID() }),
    );
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    await withDeadline(context.client, CALL_MS, () => handle.signal(destroySignal, { reason }));
  }
}

async function awaitEnd(context: Context, session: string, waitMs: number): Promise<void> {
  try {
    await withDeadline(context.client, waitMs, () => sessionHandle(context, session).result());
  } catch (error) {
    const hasEndedBadly = error instanceof Error && error.name === 'WorkflowFailedError';
    if (!isUnanswered(error) && !isGone(error) && !hasEndedBadly) throw error;
  }
}
