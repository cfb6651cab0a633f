import { type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { Problem } from '../../domain/problem.ts';
import { withDeadline } from '../../temporal/connection.ts';
import { decodeMessage } from '../../temporal/data-converter.ts';
import { sessionWorkflowId } from '../../workflows/ids.ts';
import { CALL_MS, type Context } from '../context.ts';
import { describeSession } from '../records.ts';
import { freshKnown, type HistoryEvent, type TimelineItem, tellRun } from './items.ts';
import { millisOf } from './payloads.ts';

export type TimelineOrder = {
  readonly session: string;
  readonly limit: number;
  readonly after: string | null;
};
export type Timeline = { readonly items: readonly TimelineItem[]; readonly next: string | null };

/** A session continues as new about once in a week; more runs than these are no session of ours. */
const RUNS_MAX = 50;

/**
 * What happened to the newest session of this name, oldest first, from its history: no worker is asked. What is
 * under way just now stands at the end, as `pending`. Throws `not-found`, and `invalid` for an unknown
 * `after`.
 */
export async function readTimeline(context: Context, order: TimelineOrder): Promise<Timeline> {
  const described = await describeSession(context, order.session);
  if (described === null)
    throw new Problem('not-found', `There was no session ${order.session}, or its history has expired.`);
  const known = freshKnown();
  const runs = await runsOf(context, order.session, described.runId);
  const items = runs.flatMap(({ runId, events }) => tellRun(runId, events, known));
  const from = order.after === null ? 0 : items.findIndex(({ id }) => id === order.after) + 1;
  if (order.after !== null && from === 0)
    throw new Problem('invalid', `after names no event of the newest session ${order.session}.`);
  const page = items.slice(from, from + order.limit);
  const isLast = from + order.limit >= items.length;
  return {
    items: isLast ? [...page, ...pendingOf(described)] : page,
    next: isLast ? null : (page.at(-1)?.id ?? null),
  };
}

/** The run, and those it was continued from, oldest first. */
async function runsOf(
  { client }: Context,
  session: string,
  newestRunId: string,
): Promise<{ runId: string; events: HistoryEvent[] }[]> {
  const runs: { runId: string; events: HistoryEvent[] }[] = [];
  let runId: string | null = newestRunId;
  while (runId !== null && runs.length < RUNS_MAX) {
    const handle = client.workflow.getHandle(sessionWorkflowId(session), runId);
    try {
      const history = await withDeadline(client, CALL_MS, () => handle.fetchHistory());
      const { events } = await decodeMessage(client, history);
      runs.unshift({ runId, events: events ?? [] });
    } catch (error) {
      // Of a session of weeks the first runs can have expired.
      if (error instanceof WorkflowNotFoundError && runs.length > 0) break;
      throw error;
    }
    runId = runs[0]?.events[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || null;
  }
  return runs;
}

/** Steps under way: history tells of them only once they end. */
function pendingOf(described: WorkflowExecutionDescription): TimelineItem[] {
  if (described.status.name !== 'RUNNING') return [];
  return (described.raw.pendingActivities ?? []).map((pending) => {
    const tries = pending.attempt ?? 1;
    return {
      id: `${described.runId}.pending-${pending.activityId}`,
      atMs: millisOf(pending.lastStartedTime) ?? millisOf(pending.scheduledTime) ?? 0,
      kind: 'pending',
      title: `Under way: ${STEPS[pending.activityType?.name ?? ''] ?? pending.activityType?.name}${tries > 1 ? `, try ${tries}` : ''}`,
      detail: pending.lastFailure?.message ?? undefined,
    };
  });
}

const STEPS: Record<string, string> = {
  reserveBudget: 'reserving the budget',
  readAccount: 'reading the credit',
  searchOffers: 'searching for offers',
  grantAttempt: 'asking for a grant',
  rentInstance: 'renting',
  findByLabel: 'looking for an instance by its label',
  awaitRunning: 'waiting for the container to run',
  awaitModel: 'waiting for the model',
  superviseInstance: 'supervising the instance',
  awaitDrained: 'waiting for requests in flight',
  destroyInstance: 'destroying the instance',
  confirmGone: 'seeing that it is gone',
};
