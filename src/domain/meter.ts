import type { Usd } from './session.ts';

/**
 * What one contract costs, as prices and moments. It never ticks: any later moment can be priced from it.
 * The GPU counts while the container runs, storage from create to gone, traffic by the byte.
 */
export type Meter = {
  readonly gpuUsdPerHour: number;
  readonly storageUsdPerHour: number;
  /** When the contract's own prices were last read; null while they are the offer's. */
  readonly pricedAtMs: number | null;
  /** What the contract's earlier prices came to until `untilMs`, from when the present ones count; null: none. */
  readonly earlier: { readonly gpuUsd: number; readonly storageUsd: number; readonly untilMs: number } | null;
  readonly downloadUsdPerGb: number;
  readonly uploadUsdPerGb: number;
  /** When storage began to be billed; null while no contract is known. */
  readonly createdAtMs: number | null;
  readonly runningAtMs: number | null;
  /** When the GPU stopped being billed before the contract was gone (stopped, exited); null otherwise. */
  readonly stoppedAtMs: number | null;
  readonly goneAtMs: number | null;
  readonly downloadMb: number;
  readonly uploadMb: number;
};

const MS_PER_HOUR = 3_600_000;

/** Dollars from create to `nowMs`. */
export function costAt(meter: Meter, nowMs: number): Usd {
  const endMs = Math.min(nowMs, meter.goneAtMs ?? Number.POSITIVE_INFINITY);
  const gpuEndMs = Math.min(endMs, meter.stoppedAtMs ?? Number.POSITIVE_INFINITY);
  const { earlier } = meter;
  const gpu =
    (earlier?.gpuUsd ?? 0) +
    hoursBetween(laterOf(meter.runningAtMs, earlier?.untilMs), gpuEndMs) * meter.gpuUsdPerHour;
  const storage =
    (earlier?.storageUsd ?? 0) +
    hoursBetween(laterOf(meter.createdAtMs, earlier?.untilMs), endMs) * meter.storageUsdPerHour;
  const bandwidth = trafficUsd(meter);
  return { gpu, storage, bandwidth, total: gpu + storage + bandwidth };
}

/**
 * The meter at prices just read. A price that moved does not rewrite the hours before it.
 *
 * When exactly it moved is not told: a rise counts from the reading before, a fall from this one. The offer's
 * prices never applied, so the contract's first ones count from its start. An older reading changes nothing.
 */
export function repriced(
  meter: Meter,
  read: { readonly gpuUsdPerHour: number; readonly storageUsdPerHour: number; readonly observedAtMs: number },
): Meter {
  const { gpuUsdPerHour, storageUsdPerHour, observedAtMs } = read;
  const { pricedAtMs } = meter;
  if (pricedAtMs !== null && observedAtMs < pricedAtMs) return meter;
  const next = { ...meter, gpuUsdPerHour, storageUsdPerHour, pricedAtMs: observedAtMs };
  const change = gpuUsdPerHour + storageUsdPerHour - meter.gpuUsdPerHour - meter.storageUsdPerHour;
  const isSame = gpuUsdPerHour === meter.gpuUsdPerHour && storageUsdPerHour === meter.storageUsdPerHour;
  if (pricedAtMs === null || isSame) return next;
  const untilMs = Math.max(change > 0 ? pricedAtMs : observedAtMs, meter.earlier?.untilMs ?? 0);
  const until = costAt(meter, untilMs);
  return { ...next, earlier: { gpuUsd: until.gpu, storageUsd: until.storage, untilMs } };
}

/** $/h that goes on being billed at `nowMs` unless something is done; a container about to run counts as running. */
export function burnAt(meter: Meter): number {
  if (meter.createdAtMs === null || meter.goneAtMs !== null) return 0;
  const gpu = meter.stoppedAtMs === null ? meter.gpuUsdPerHour : 0;
  return gpu + meter.storageUsdPerHour;
}

/** Traffic so far; Vast gives megabytes, its prices are per gigabyte. */
export function trafficUsd(
  meter: Pick<Meter, 'downloadMb' | 'uploadMb' | 'downloadUsdPerGb' | 'uploadUsdPerGb'>,
): number {
  return (meter.downloadMb * meter.downloadUsdPerGb + meter.uploadMb * meter.uploadUsdPerGb) / 1_000;
}

export function addUsd(parts: readonly Usd[]): Usd {
  const sum = (pick: (usd: Usd) => number) => parts.reduce((total, usd) => total + pick(usd), 0);
  return {
    gpu: sum((u) => u.gpu),
    storage: sum((u) => u.storage),
    bandwidth: sum((u) => u.bandwidth),
    total: sum((u) => u.total),
  };
}

function laterOf(atMs: number | null, otherMs: number | undefined): number | null {
  return atMs === null ? null : Math.max(atMs, otherMs ?? atMs);
}

function hoursBetween(fromMs: number | null, toMs: number): number {
  return fromMs === null ? 0 : Math.max(0, toMs - fromMs) / MS_PER_HOUR;
}
