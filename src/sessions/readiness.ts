import type { Readiness } from '../client.ts';
import { Problem } from '../domain/problem.ts';
import { withDeadline } from '../temporal/connection.ts';
import { REAP_SCHEDULE_ID, TASK_QUEUES } from '../workflows/ids.ts';
import { readBudget } from './budget.ts';
import { type Context, QUERY_MS } from './context.ts';

/** A poller that asked within this time is taken to be alive; Temporal itself remembers the dead for minutes. */
const POLLER_FRESH_MS = 15_000;
/** A worker with nothing to do asks once a minute: then the ledger's answer is its sign of life. */
const ANSWER_MS = 5_000;
/** A complete list of a thousand instances takes most of a minute. */
const REAP_RUNNING_MAX_MS = 300_000;
const WORKFLOW_QUEUE = 1;

/** Whether everything a launch needs is there, and in words what is not. */
export async function readReadiness(context: Context): Promise<Readiness> {
  const details: string[] = [];
  const check = async (what: string, ask: () => Promise<boolean>, forMs = QUERY_MS): Promise<boolean> => {
    try {
      const isFine = await withDeadline(context.client, forMs, ask);
      if (!isFine) details.push(what);
      return isFine;
    } catch (error) {
      details.push(`${what} (${error instanceof Error ? error.message : String(error)})`);
      return false;
    }
  };
  const temporal = await check('Temporal does not answer', async () => {
    await context.client.workflowService.getSystemInfo({});
    return true;
  });
  if (!temporal) return { temporal, worker: false, schedules: false, market: false, details };
  const worker = await check('no worker answers for sessions', () => isWorkerThere(context), ANSWER_MS);
  const reap = await lastReap(context).catch(() => null);
  if (reap === null) details.push('the reaper has not run: its schedule is missing, or no worker runs');
  if (reap === false)
    details.push(
      'the last run of the reaper failed: see it in Temporal; the market or its key may be the reason',
    );
  return { temporal, worker, schedules: reap !== null, market: reap === true, details };
}

async function isWorkerThere(context: Context): Promise<boolean> {
  if (await isWorkerPolling(context)) return true;
  return readBudget(context).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Problem && error.kind === 'no-worker') return false;
      throw error;
    },
  );
}

async function isWorkerPolling({ client }: Context): Promise<boolean> {
  const answer = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: TASK_QUEUES.sessions },
    taskQueueType: WORKFLOW_QUEUE,
  });
  const freshMs = Date.now() - POLLER_FRESH_MS;
  return (answer.pollers ?? []).some(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > freshMs,
  );
}

/** Whether the reaper's last run ended well: it lists the market, so it tells of the key too. Null: none yet. */
async function lastReap({ client }: Context): Promise<boolean | null> {
  return withDeadline(client, QUERY_MS, async () => {
    const { info } = await client.schedule.getHandle(REAP_SCHEDULE_ID).describe();
    const last = info.recentActions.at(-1);
    if (last === undefined || last.action.type !== 'startWorkflow') return null;
    const { status, startTime } = await client.workflow.getHandle(last.action.workflow.workflowId).describe();
    if (status.name === 'RUNNING') return Date.now() - startTime.getTime() < REAP_RUNNING_MAX_MS;
    return status.name === 'COMPLETED';
  });
}
