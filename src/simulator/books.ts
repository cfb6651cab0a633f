import type { Contract } from './contract.ts';
import type { Machine } from './machine.ts';

/** What a contract has cost up to `settledAt` (epoch seconds). */
export type Meter = {
  settledAt: number;
  gpuSeconds: number;
  gpuUsd: number;
  diskSeconds: number;
  diskUsd: number;
  downBytes: number;
  downUsd: number;
  upBytes: number;
  upUsd: number;
  /** Downloads under way: they bill as the bytes come in. */
  downloads: { readonly from: number; readonly to: number; readonly bytes: number }[];
};

export function openMeter(now: number): Meter {
  return {
    settledAt: now,
    gpuSeconds: 0,
    gpuUsd: 0,
    diskSeconds: 0,
    diskUsd: 0,
    downBytes: 0,
    downUsd: 0,
    upBytes: 0,
    upUsd: 0,
    downloads: [],
  };
}

/**
 * Brings a contract's meter up to `now`, at the rates that have held since it was last settled.
 *
 * By the second: GPU while it runs, disk from create to gone save while the host is offline, bytes at the
 * host's price. Billing goes on past the end by the contract's tail (`billedUntil`), never further.
 */
export function settle(contract: Contract, machine: Machine, now: number): Meter {
  const { meter } = contract;
  const until = contract.billedUntil === null ? now : Math.min(now, contract.billedUntil);
  const seconds = until - meter.settledAt;
  if (seconds <= 0) return meter;
  settleDownloads(meter, machine, until);
  if (billsGpu(contract)) {
    meter.gpuSeconds += seconds;
    meter.gpuUsd += (seconds / 3600) * contract.gpuUsdPerHour;
  }
  if (contract.actual !== 'offline') {
    meter.diskSeconds += seconds;
    meter.diskUsd += (seconds / 3600) * diskUsdPerHour(contract, machine);
  }
  meter.settledAt = until;
  return meter;
}

/**
 * Closes the books of a contract that is gone at `goneAt`.
 *
 * Production bills from 22 s less to 290 s more than the instance existed: a positive tail goes on
 * at the last rates, a negative one gives the last seconds back.
 */
export function closeBooks(contract: Contract, machine: Machine, goneAt: number, tailSeconds: number): void {
  const meter = settle(contract, machine, goneAt);
  meter.downloads = [];
  const billedUntil = Math.max(contract.createdAt, goneAt + tailSeconds);
  if (billedUntil < goneAt) {
    const back = goneAt - billedUntil;
    const gpuBack = billsGpu(contract) ? Math.min(back, goneAt - (contract.startedAt ?? goneAt)) : 0;
    meter.gpuSeconds -= gpuBack;
    meter.gpuUsd -= (gpuBack / 3600) * contract.gpuUsdPerHour;
    const diskBack = contract.actual === 'offline' ? 0 : Math.min(back, meter.diskSeconds);
    meter.diskSeconds -= diskBack;
    meter.diskUsd -= (diskBack / 3600) * diskUsdPerHour(contract, machine);
    meter.settledAt = billedUntil;
  }
  contract.billedUntil = billedUntil;
}

export function totalUsd(meter: Meter): number {
  return meter.gpuUsd + meter.diskUsd + meter.downUsd + meter.upUsd;
}

/** $/h of the disk: a month is 30 days. */
export function diskUsdPerHour(contract: Contract, machine: Machine): number {
  return (contract.order.diskGb * machine.storageUsdPerGbMonth) / 720;
}

export function copyOf(meter: Meter): Meter {
  return { ...meter, downloads: [...meter.downloads] };
}

function billsGpu(contract: Contract): boolean {
  return contract.actual === 'running' || contract.actual === 'rebooting' || contract.actual === 'recycling';
}

function settleDownloads(meter: Meter, machine: Machine, until: number): void {
  for (const { from, to, bytes } of meter.downloads) {
    const begin = Math.max(from, meter.settledAt);
    const end = Math.min(to, until);
    if (end <= begin) continue;
    const came = to > from ? (bytes * (end - begin)) / (to - from) : bytes;
    const sent = came * ACKNOWLEDGEMENTS;
    meter.downBytes += came;
    meter.downUsd += (came / 1e9) * machine.downloadUsdPerGb;
    meter.upBytes += sent;
    meter.upUsd += (sent / 1e9) * machine.uploadUsdPerGb;
  }
  meter.downloads = meter.downloads.filter(({ to }) => to > until);
}

/** What a download sends back on its way. */
const ACKNOWLEDGEMENTS = 0.004;
