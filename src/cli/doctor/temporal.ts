import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { Installation } from '../../installation.ts';
import { type Binding, checkBinding } from '../../ledger-opening.ts';
import { connectClient, withDeadline } from '../../temporal/connection.ts';
import { SEARCH_ATTRIBUTES } from '../../temporal/namespace.ts';
import type { PayloadKeys } from '../../temporal/payload-keys.ts';
import { TASK_QUEUES } from '../../workflows/ids.ts';
import { duration, usd } from '../text.ts';
import { broken, type Check, fine, reason, warning } from './check.ts';
import { checkReadable } from './encryption.ts';

const CONNECT_MS = 5_000;
const CALL_MS = 5_000;
const POLLER_FRESH_MS = 120_000;
const QUEUE_TYPE = { workflow: 1, activity: 2 } as const;

type Place = {
  readonly address: string;
  readonly namespace: string;
  readonly payloadKeys: PayloadKeys;
};

/** Temporal and what lives in it. One check says why when it cannot be reached; the others are left out then. */
export async function checkTemporal(
  place: Place,
  known: { installation: Installation | null; binding: Binding | null },
): Promise<Check[]> {
  try {
    const { client, close } = await connectClient({ ...place, connectTimeoutMs: CONNECT_MS });
    try {
      return [
        fine('temporal', `It answers at ${place.address}.`),
        ...(await checkInside(client, place, known)),
      ];
    } finally {
      await close();
    }
  } catch (error) {
    const remedy =
      'Where it does run, name its address here as there: TEMPORAL_ADDRESS, or LEASH_TEMPORAL_PORT.';
    return [broken('temporal', reason(error), remedy)];
  }
}

async function checkInside(
  client: Client,
  { namespace }: Place,
  { installation, binding }: { installation: Installation | null; binding: Binding | null },
): Promise<Check[]> {
  const ask = <Answer>(call: () => Promise<Answer>) => withDeadline(client, CALL_MS, call);
  try {
    await ask(() => client.workflowService.describeNamespace({ namespace }));
  } catch (error) {
    return [
      broken(
        'namespace',
        `Namespace ${namespace} cannot be used: ${reason(error)}`,
        'A worker makes it at its start; on Temporal Cloud make it by hand.',
      ),
    ];
  }
  const outside = [
    fine('namespace', namespace),
    await checkSearchAttributes(client, namespace),
    await checkWorkers(client, namespace),
  ];
  const readable = await checkReadable(client);
  if (readable.verdict === 'broken') return [...outside, readable];
  return [
    ...outside,
    readable,
    ...(await checkSchedules(client)),
    ...(installation === null || binding === null ? [] : [await checkOwner(client, installation, binding)]),
  ];
}

async function checkSearchAttributes(client: Client, namespace: string): Promise<Check> {
  const missing: string[] = [];
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
    const query = type === 'Keyword' ? `${name} = 'none'` : `${name} < 0`;
    await withDeadline(client, CALL_MS, () =>
      client.workflowService.countWorkflowExecutions({ namespace, query }),
    ).catch(() => missing.push(name));
  }
  return missing.length === 0
    ? fine('search attributes', Object.keys(SEARCH_ATTRIBUTES).join(', '))
    : broken(
        'search attributes',
        `Missing: ${missing.join(', ')}`,
        'A worker registers them at its start; on Temporal Cloud add them by hand.',
      );
}

async function checkWorkers(client: Client, namespace: string): Promise<Check> {
  const idle: string[] = [];
  for (const [use, queue] of Object.entries(TASK_QUEUES)) {
    // Polled only where somebody is to be told.
    if (use === 'notify') continue;
    if (!(await isPolled(client, namespace, queue))) idle.push(queue);
  }
  return idle.length === 0
    ? fine('worker', 'A worker polls every queue.')
    : broken(
        'worker',
        `No worker polls ${idle.join(', ')}: nothing is rented, watched or given back.`,
        'Start one: leash up, or node src/worker.ts.',
      );
}

async function isPolled(client: Client, namespace: string, queue: string): Promise<boolean> {
  const answer = await withDeadline(client, CALL_MS, () =>
    client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: queue },
      taskQueueType: QUEUE_TYPE.activity,
    }),
  );
  const freshMs = Date.now() - POLLER_FRESH_MS;
  return (answer.pollers ?? []).some(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > freshMs,
  );
}

async function checkSchedules(client: Client): Promise<Check[]> {
  const checks: Check[] = [];
  await withDeadline(client, 2 * CALL_MS, async () => {
    for await (const { scheduleId } of client.schedule.list())
      checks.push(await checkSchedule(client, scheduleId));
  });
  return checks.length > 0
    ? checks
    : [
        broken(
          'schedules',
          'There are none: nothing looks for orphans.',
          'A worker makes them at its start.',
        ),
      ];
}

async function checkSchedule(client: Client, scheduleId: string): Promise<Check> {
  const name = `schedule ${scheduleId}`;
  const { info, state } = await client.schedule.getHandle(scheduleId).describe();
  if (state.paused)
    return warning(
      name,
      `It is paused${state.note ? `: ${state.note}` : ''}.`,
      `Unpause it in Temporal's Web UI, or temporal schedule toggle --unpause -s ${scheduleId}.`,
    );
  const last = info.recentActions.at(-1);
  if (last === undefined) return fine(name, 'It has not run yet.');
  const { workflowId, firstExecutionRunId } = last.action.workflow;
  const handle = client.workflow.getHandle(workflowId, firstExecutionRunId);
  const { status } = await handle.describe();
  const ago = duration(Date.now() - last.takenAt.getTime());
  if (status.name === 'COMPLETED') {
    const told = reportText(await handle.result());
    return fine(name, `Last run ${ago} ago: ${told ?? 'completed'}`);
  }
  if (status.name === 'RUNNING') return fine(name, `Last run ${ago} ago: running`);
  return broken(
    name,
    `Its last run, ${ago} ago, ${status.name.toLowerCase()}.`,
    `See ${workflowId} in Temporal's Web UI.`,
  );
}

/** What a run of the reaper or of the audit found; null for any other schedule. */
function reportText(result: unknown): string | null {
  const report = reportSchema.safeParse(result).data;
  if (report === undefined) return null;
  return 'found' in report
    ? `${report.found} found, ${report.destroyed.length} destroyed, ${report.left.length} left`
    : `${usd(report.chargedUsd)} charged for ${report.contracts} contracts, ${report.corrected.length} corrections, ${report.destroyed.length} destroyed`;
}

const reportSchema = z.union([
  z.object({ found: z.number(), destroyed: z.array(z.unknown()), left: z.array(z.unknown()) }),
  z.object({
    chargedUsd: z.number(),
    contracts: z.number(),
    corrected: z.array(z.unknown()),
    destroyed: z.array(z.unknown()),
  }),
]);

async function checkOwner(client: Client, installation: Installation, binding: Binding): Promise<Check> {
  try {
    await checkBinding(client, installation, binding);
    return fine('installation', `Owner ${binding.owner}, account ${binding.accountId}`);
  } catch (error) {
    return broken('installation', reason(error), 'Nothing is destroyed until they agree.');
  }
}
