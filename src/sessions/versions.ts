import type { Client } from '@temporalio/client';
import { Problem } from '../domain/problem.ts';
import { withDeadline } from '../temporal/connection.ts';
import { describeDeployment, makeCurrent, type VersionStatus } from '../temporal/versioning.ts';
import { TASK_QUEUES } from '../workflows/ids.ts';
import { CALL_MS, type Context } from './context.ts';

/** Versions of the workers, where LEASH_DEPLOYMENT names a deployment. */
export type WorkerVersions = {
  /** temporal-unreachable. */
  list(): Promise<Versions>;
  /** New sessions run on it from now on. conflict where no worker of it is there, not-found where it is unknown. */
  promote(buildId: string): Promise<Versions>;
};

export type Versions = {
  /** Null where workers have no versions. */
  readonly deployment: string | null;
  /** Newest first. */
  readonly versions: readonly WorkerVersion[];
};

export type WorkerVersion = {
  readonly buildId: string;
  readonly status: VersionStatus;
  readonly createdAtMs: number;
  /** Sessions that it began and that are open: a worker of it has to run until there are none. */
  readonly openSessions: number;
  /** Workers of it that have asked for work in the last minutes. */
  readonly workers: number;
};

/** A worker with nothing to do asks once a minute. */
const POLLER_FRESH_MS = 90_000;
const WORKFLOW_QUEUE = 1;

export async function listVersions({ client, config }: Context): Promise<Versions> {
  const deployment = config.LEASH_DEPLOYMENT ?? null;
  if (deployment === null) return { deployment, versions: [] };
  return withDeadline(client, CALL_MS, async () => {
    const known = await describeDeployment(client, client.options.namespace, deployment);
    const polling = await buildsPolling(client, deployment);
    const versions = await Promise.all(
      (known?.versions ?? []).map(async (version) => ({
        ...version,
        openSessions: await countOpen(client, `${deployment}:${version.buildId}`),
        workers: polling.filter((buildId) => buildId === version.buildId).length,
      })),
    );
    return { deployment, versions };
  });
}

export async function promoteVersion(context: Context, buildId: string): Promise<Versions> {
  const { client, config } = context;
  const deployment = config.LEASH_DEPLOYMENT;
  if (deployment === undefined)
    throw new Problem(
      'conflict',
      'Workers have no versions here: set LEASH_DEPLOYMENT for workers and HTTP server.',
    );
  const { versions } = await listVersions(context);
  const wanted = versions.find((version) => version.buildId === buildId);
  if (wanted === undefined)
    throw new Problem(
      'not-found',
      `No worker of build ${buildId} was ever there. Known are ${versions.map((one) => one.buildId).join(', ') || 'none'}.`,
    );
  if (wanted.workers === 0)
    throw new Problem(
      'conflict',
      `No worker of build ${buildId} asks for work: new sessions would wait for one. Start it first.`,
    );
  await withDeadline(client, CALL_MS, async () => {
    const { namespace } = client.options;
    const known = await describeDeployment(client, namespace, deployment);
    if (known !== null && known.currentBuildId !== buildId)
      await makeCurrent(client, namespace, { deployment, buildId }, known.conflictToken);
  });
  return listVersions(context);
}

/** The build of each worker that polls for workflows of this deployment. */
async function buildsPolling(client: Client, deployment: string): Promise<string[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: TASK_QUEUES.sessions },
    taskQueueType: WORKFLOW_QUEUE,
  });
  const freshMs = Date.now() - POLLER_FRESH_MS;
  return (pollers ?? [])
    .filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > freshMs)
    .filter(({ deploymentOptions }) => deploymentOptions?.deploymentName === deployment)
    .map(({ deploymentOptions }) => deploymentOptions?.buildId ?? '');
}

async function countOpen(client: Client, version: string): Promise<number> {
  const { count } = await client.workflow.count(
    `WorkflowType = 'gpuSession' AND ExecutionStatus = 'Running' AND TemporalWorkerDeploymentVersion = '${version}'`,
  );
  return count;
}
