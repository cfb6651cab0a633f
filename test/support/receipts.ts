import type { Receipt, ReceiptInstance, Usd } from '../../src/domain/session.ts';

export const OWNER = 'ownerowner';
export const RUN = 'runrunrun1';

export function aUsd(set: Partial<Omit<Usd, 'total'>> = {}): Usd {
  const parts = { gpu: 0, storage: 0, bandwidth: 0, ...set };
  return { ...parts, total: parts.gpu + parts.storage + parts.bandwidth };
}

export function labelOf({ session = 'default', run = RUN, attempt = 1 } = {}): string {
  return `leash.${OWNER}.${session}.${run}.${attempt}.x1800000000`;
}

export function anInstance(set: Partial<ReceiptInstance> = {}): ReceiptInstance {
  return {
    instanceId: 4_001,
    label: labelOf(),
    createdAtMs: Date.UTC(2026, 2, 10, 12),
    runningAtMs: Date.UTC(2026, 2, 10, 12, 5),
    destroySentAtMs: Date.UTC(2026, 2, 10, 13),
    goneAtMs: Date.UTC(2026, 2, 10, 13),
    seenAbsent: [],
    usd: aUsd({ gpu: 0.5, storage: 0.02, bandwidth: 0.1 }),
    ...set,
  };
}

/** One instance for an hour, as a session on its own would write it. */
export function aReceipt(set: Partial<Receipt> = {}): Receipt {
  const { session = 'default', run = RUN } = set;
  const instances = set.instances ?? [anInstance({ label: labelOf({ session, run }) })];
  return {
    session,
    run,
    outcome: 'completed',
    reason: 'requested',
    startedAtMs: Date.UTC(2026, 2, 10, 11, 59),
    readyAtMs: Date.UTC(2026, 2, 10, 12, 10),
    endedAtMs: Date.UTC(2026, 2, 10, 13, 1),
    final: false,
    usd: instances.reduce(
      (sum, { usd }) => ({
        gpu: sum.gpu + usd.gpu,
        storage: sum.storage + usd.storage,
        bandwidth: sum.bandwidth + usd.bandwidth,
        total: sum.total + usd.total,
      }),
      aUsd(),
    ),
    forecastUsd: 0.7,
    providerUsd: null,
    attempts: instances.map(({ label, instanceId }, at) => ({
      attempt: at + 1,
      label,
      tier: 'RTX 4090',
      offerId: 9,
      machineId: 501,
      gpu: 'RTX 4090',
      usdPerHour: 0.5,
      phase: 'gone',
      startedAtMs: Date.UTC(2026, 2, 10, 12),
      endedAtMs: Date.UTC(2026, 2, 10, 13),
      failure: null,
      instanceId,
      usd: 0.62,
    })),
    ...set,
    instances,
  };
}
