import type { InstanceFacts } from '../domain/attempt.ts';
import { type Instance, labelsOf } from '../domain/instance.ts';

/** What a workflow keeps of an instance: moments and prices, nothing it does not decide by. */
export function factsOf(instance: Instance, observedAtMs: number): InstanceFacts {
  const isRunning = instance.actualStatus === 'running';
  return {
    instanceId: instance.instanceId,
    observedAtMs,
    actualStatus: instance.actualStatus,
    usdPerHour: instance.usdPerHour,
    gpuUsdPerHour: gpuPrice(instance),
    storageUsdPerHour: instance.storageUsdPerHour,
    downloadUsdPerGb: instance.downloadUsdPerGb,
    uploadUsdPerGb: instance.uploadUsdPerGb,
    downloadMb: instance.downloadBilledMb,
    uploadMb: instance.uploadBilledMb,
    createdAtMs: instance.startedAtMs,
    // The provider's own uptime where it is given: our look may come long after the container started.
    runningAtMs: isRunning ? observedAtMs - (instance.uptimeMs ?? 0) : null,
    gpuName: instance.gpuName,
    isBid: instance.isBid,
  };
}

export function hasLabel(instance: Instance, label: string): boolean {
  return labelsOf(instance).includes(label);
}

/** The GPU's own price: what the whole hour costs less the disk, where both are given. */
function gpuPrice(instance: Instance): number | null {
  if (instance.usdPerHour !== null && instance.storageUsdPerHour !== null) {
    return Math.max(0, instance.usdPerHour - instance.storageUsdPerHour);
  }
  return instance.gpuUsdPerHour;
}
