import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import type { LaunchPlan } from '../domain/plan.ts';
import { policyOf } from '../domain/policy.ts';
import { Problem } from '../domain/problem.ts';
import type { BudgetNumbers, SessionRequest } from '../domain/session.ts';
import { withDeadline } from '../temporal/connection.ts';
import { marketWorkflowId, TASK_QUEUES } from '../workflows/ids.ts';
import type { MarketAnswer, MarketQuestion } from '../workflows/messages.ts';
import { CALL_MS, type Context, QUERY_MS } from './context.ts';
import { explainSilence, noWorker } from './refusals.ts';

export type PlanQuestion = {
  /** What is asked about, as it stands in the workflow's id. */
  readonly call: 'offers' | 'plan';
  readonly request: SessionRequest;
};

/** Past the market's own time: the question's start, its activity's and its answer's way back. */
const ROOM_MS = 8_000;
/** A worker takes up a question at once; one that nobody has begun by then waits for a worker. */
const WORKER_MS = 5_000;

/**
 * What a launch would do and cost, asked of the market through a worker, which alone holds its key.
 *
 * Throws market-refused, market-unreachable, no-worker.
 */
export async function planSession(
  context: Context,
  { call, request }: PlanQuestion,
  readLedger: () => Promise<BudgetNumbers>,
): Promise<LaunchPlan> {
  const policy = { ...policyOf(context.config), ...context.policy };
  const untilMs = Date.now() + policy.searchTimeoutMs + ROOM_MS;
  // Only a plan shows checkpoint 1, and one without it is better than none.
  const unread = pause(QUERY_MS, null, { ref: false });
  const ledger = call === 'plan' ? await Promise.race([readLedger().catch(() => null), unread]) : null;
  const asked: MarketQuestion = { request, policy, ledger };
  const handle = await withDeadline(context.client, CALL_MS, () =>
    context.client.workflow.start('marketQuestion', {
      workflowId: marketWorkflowId(call, randomUUID()),
      taskQueue: TASK_QUEUES.sessions,
      args: [asked],
      workflowRunTimeout: policy.searchTimeoutMs + ROOM_MS,
      staticSummary: `${call} for ${request.model}`,
    }),
  );
  const answer = await answerOf(context, handle, untilMs);
  if (answer.kind === 'plan') return answer.plan;
  throw new Problem(
    answer.kind,
    answer.kind === 'market-refused'
      ? `${answer.message} Check VASTAI_API_KEY and the account.`
      : answer.message,
  );
}

async function answerOf(context: Context, handle: WorkflowHandle, untilMs: number): Promise<MarketAnswer> {
  const answered = new AbortController();
  try {
    return await Promise.race([
      withDeadline(context.client, untilMs - Date.now(), () => handle.result() as Promise<MarketAnswer>),
      unlessBegun(context, handle, answered.signal),
    ]);
  } catch (error) {
    // A worker that died over it left it waiting until its time was over.
    if (error instanceof WorkflowFailedError)
      throw error.cause instanceof TimeoutFailure
        ? noWorker('The worker that asked the market has gone. Ask again.')
        : error;
    // Nobody waits for its answer any more.
    withDeadline(context.client, CALL_MS, () => handle.terminate('nobody waits for it')).catch(
      () => undefined,
    );
    throw await explainSilence(context.client, error, 'the market');
  } finally {
    answered.abort();
  }
}

/** Rejects when no worker has taken the question up in time; otherwise never settles. */
async function unlessBegun(context: Context, handle: WorkflowHandle, answered: AbortSignal): Promise<never> {
  const isOver = await pause(WORKER_MS, false, { signal: answered }).catch(() => true);
  if (!isOver) {
    const begun = await withDeadline(context.client, CALL_MS, () => handle.describe())
      .then(({ historyLength }) => historyLength > EVENTS_UNBEGUN)
      // The answer's own deadline tells of a silent Temporal.
      .catch(() => true);
    if (!begun)
      throw noWorker('No worker took the question up, and only workers may ask the market. Start one.');
  }
  return new Promise<never>(() => undefined);
}

/** Started, and a task for it scheduled. */
const EVENTS_UNBEGUN = 2;
