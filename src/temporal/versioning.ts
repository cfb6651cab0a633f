import { type Connection, isGrpcServiceError } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';
import { errorText, untilDeadline } from './waiting.ts';

/** One version of the workers, by Temporal's Worker Versioning. */
export type DeploymentVersion = { readonly deployment: string; readonly buildId: string };

/** What Temporal knows of a deployment: its versions, newest first, and which one new sessions run on. */
export type Deployment = {
  readonly currentBuildId: string | null;
  readonly versions: readonly {
    readonly buildId: string;
    readonly status: VersionStatus;
    readonly createdAtMs: number;
  }[];
  /** Given back with a change: it fails where somebody else changed the deployment meanwhile. */
  readonly conflictToken: Uint8Array;
};

/** `draining`: no longer current, and sessions that it began are open; `drained`: none is. */
export type VersionStatus = 'waiting' | 'current' | 'ramping' | 'draining' | 'drained';

type Service = Pick<Connection, 'workflowService'>;

const GRPC_NOT_FOUND = 5;
/** By Temporal's `WorkerDeploymentVersionStatus`. */
const STATUSES: readonly VersionStatus[] = [
  'waiting',
  'waiting',
  'current',
  'ramping',
  'draining',
  'drained',
];

/**
 * What makes a worker of workflows one version among others. Sessions are pinned to the version that began them
 * (`gpu-session.ts` says so); everything else goes on by the current one.
 */
export function versionedBy(version: DeploymentVersion | null): Partial<WorkerOptions> {
  if (version === null) return {};
  return {
    workerDeploymentOptions: {
      useWorkerVersioning: true,
      version: { deploymentName: version.deployment, buildId: version.buildId },
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
  };
}

/** Null before a worker of it has ever polled. Throws what Temporal's client throws. */
export async function describeDeployment(
  service: Service,
  namespace: string,
  deploymentName: string,
): Promise<Deployment | null> {
  try {
    const { workerDeploymentInfo: info, conflictToken } =
      await service.workflowService.describeWorkerDeployment({ namespace, deploymentName });
    const versions = (info?.versionSummaries ?? []).map(({ deploymentVersion, status, createTime }) => ({
      buildId: deploymentVersion?.buildId ?? '',
      status: STATUSES[status ?? 0] ?? 'waiting',
      createdAtMs: Number(createTime?.seconds ?? 0) * 1_000,
    }));
    return {
      currentBuildId: info?.routingConfig?.currentDeploymentVersion?.buildId || null,
      versions: versions.sort((one, other) => other.createdAtMs - one.createdAtMs),
      conflictToken,
    };
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND) return null;
    throw error;
  }
}

const REGISTERED_MS = 30_000;

/**
 * Makes this version the current one where none is: otherwise nobody would run what is started, and the first
 * worker of a deployment is what its people mean. Here once it polls. Throws when Temporal does not know it in time.
 */
export async function makeFirstCurrent(
  service: Service,
  namespace: string,
  version: DeploymentVersion,
): Promise<'made' | 'other'> {
  const outcome = await untilDeadline(REGISTERED_MS, async () => {
    const known = await describeDeployment(service, namespace, version.deployment);
    if (known === null) throw new Error('Temporal does not know the deployment yet');
    if (known.currentBuildId !== null) return known.currentBuildId;
    await makeCurrent(service, namespace, version, known.conflictToken);
    return null;
  });
  if (outcome.kind !== 'done')
    throw new Error(
      `Temporal did not take up version ${version.buildId} of the deployment ${version.deployment} within ${REGISTERED_MS / 1_000} s: ${errorText(outcome.lastError)}`,
    );
  return outcome.value === null ? 'made' : 'other';
}

/** New sessions run on this version from now on. Throws what Temporal's client throws. */
export async function makeCurrent(
  service: Service,
  namespace: string,
  { deployment, buildId }: DeploymentVersion,
  conflictToken: Uint8Array,
): Promise<void> {
  await service.workflowService.setWorkerDeploymentCurrentVersion({
    namespace,
    deploymentName: deployment,
    buildId,
    conflictToken,
    identity: 'leash',
  });
}
