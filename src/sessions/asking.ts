import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, TerminatedFailure } from '@temporalio/common';
import { PROBLEM_KINDS, Problem } from '../domain/problem.ts';
import { isTemporalSilent, withDeadline } from '../temporal/connection.ts';
import { decodeMessage } from '../temporal/data-converter.ts';
import { TASK_QUEUES } from '../workflows/ids.ts';
import { CALL_MS, type Context } from './context.ts';
import { noWorker } from './refusals.ts';

export type Question = {
  readonly workflowType: string;
  readonly workflowId: string;
  readonly args: readonly unknown[];
  /** How long the caller waits. */
  readonly forMs: number;
  /** What Temporal's Web UI shows beside it. */
  readonly summary: string;
  /** Completes "Cannot …". */
  readonly tried: string;
};

/** After this a workflow whose first task nobody took up has no worker. */
const TAKEN_UP_MS = 5_000;
/** Started, and its first task scheduled: nobody has looked at it yet. */
const UNTOUCHED_EVENTS = 2;

/**
 * Asks by a short workflow, for what only a worker may do: it holds the market's key. Ends by its deadline
 * with the answer or a `Problem`; where no worker came, the question is withdrawn.
 */
export async function askByWorkflow<Answer>(context: Context, question: Question): Promise<Answer> {
  const { client } = context;
  const handle = await withDeadline(client, CALL_MS, () =>
    client.workflow.start(question.workflowType, {
      workflowId: question.workflowId,
      taskQueue: TASK_QUEUES.sessions,
      args: [...question.args],
      staticSummary: question.summary,
      workflowRunTimeout: question.forMs + 60_000,
    }),
  );
  const stop = new AbortController();
  try {
    return (await Promise.race([
      withDeadline(client, question.forMs, () => handle.result()),
      refuseUntouched(context, handle, question, stop.signal),
    ])) as Answer;
  } catch (error) {
    throw await explainNoAnswer(context, handle, question, error);
  } finally {
    stop.abort();
  }
}

/** Rejects when nobody took the question up; never resolves. */
async function refuseUntouched(
  { client }: Context,
  handle: WorkflowHandle,
  { tried }: Question,
  signal: AbortSignal,
): Promise<never> {
  const forEver = new Promise<never>(() => undefined);
  try {
    await pause(TAKEN_UP_MS, undefined, { signal });
    const { historyLength } = await withDeadline(client, CALL_MS, () => handle.describe());
    if (historyLength > UNTOUCHED_EVENTS) return forEver;
    await withDeadline(client, CALL_MS, () => handle.terminate('no worker took it up'));
  } catch {
    return forEver;
  }
  throw withdrawn(tried);
}

async function explainNoAnswer(
  { client }: Context,
  handle: WorkflowHandle,
  { tried, forMs, workflowId }: Question,
  error: unknown,
): Promise<unknown> {
  if (error instanceof WorkflowFailedError) return problemOf(error, tried);
  if (!isTemporalSilent(error)) return error;
  // Its silence may be Temporal's own: then this throws, and is explained as such.
  const { raw } = await withDeadline(client, CALL_MS, () => handle.describe());
  const { pendingActivities } = await decodeMessage(client, raw);
  const reasons = (pendingActivities ?? [])
    .map(({ lastFailure }) => lastFailure?.message)
    .filter((message) => message);
  return new Problem(
    'market-unreachable',
    `Cannot ${tried} within ${forMs / 1_000} s: ${reasons[0] ?? 'the market has not answered'}. It goes on in Temporal as ${workflowId}.`,
    { retryAfterSeconds: 30 },
  );
}

/** A failure whose type is a problem's kind is that problem. */
function problemOf(error: WorkflowFailedError, tried: string): unknown {
  // Its withdrawal ends the wait for its result in the same moment.
  if (error.cause instanceof TerminatedFailure) return withdrawn(tried);
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  if (!(cause instanceof ApplicationFailure)) return error;
  const kind = PROBLEM_KINDS.find((known) => known === cause.type);
  return kind === undefined ? error : new Problem(kind, `Cannot ${tried}: ${cause.message}`);
}

function withdrawn(tried: string): Problem {
  return noWorker(`Cannot ${tried}: no worker answers. Start one and ask again.`);
}
