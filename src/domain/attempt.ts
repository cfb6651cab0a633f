import type { ContractBill } from './market.ts';
import { addUsd, burnAt, costAt, type Meter, repriced } from './meter.ts';
import type { AttemptFailure, AttemptPhase, AttemptView, ReceiptInstance, Usd } from './session.ts';

const MS_PER_HOUR = 3_600_000;

/** An offer that was chosen, with all that renting it and serving on it takes. */
export type Choice = {
  readonly offerId: number;
  readonly machineId: number;
  readonly tier: string;
  readonly gpuName: string;
  readonly gpuCount: number;
  readonly usdPerHour: number;
  /** What to bid; null when renting on demand. */
  readonly bidUsdPerHour: number | null;
  readonly gpuUsdPerHour: number;
  readonly storageUsdPerHour: number;
  readonly downloadUsdPerGb: number;
  readonly uploadUsdPerGb: number;
  /** What image and weights cost to download here. */
  readonly trafficUsd: number;
  readonly score: number;
  /** What vLLM loads, which may be a quantised variant of the model asked for. */
  readonly modelToLoad: string;
  readonly vllmArgs: readonly string[];
  readonly isPooling: boolean;
  readonly diskGb: number;
  readonly bootMsExpected: number;
  /** Its part from create to `running`, in which no GPU is billed. */
  readonly pullMsExpected: number;
  /** From create to running, and from running to a served model; both within the attempt's cap. */
  readonly bootDeadlineMs: number;
  readonly vllmDeadlineMs: number;
};

/** What one look at an instance told, in our units. */
export type InstanceFacts = {
  readonly instanceId: number;
  readonly observedAtMs: number;
  readonly actualStatus: string | null;
  readonly usdPerHour: number | null;
  readonly gpuUsdPerHour: number | null;
  readonly storageUsdPerHour: number | null;
  readonly downloadUsdPerGb: number | null;
  readonly uploadUsdPerGb: number | null;
  readonly downloadMb: number | null;
  readonly uploadMb: number | null;
  readonly createdAtMs: number | null;
  readonly runningAtMs: number | null;
  readonly gpuName: string | null;
  readonly isBid: boolean;
};

/** One try at one offer: plain JSON, carried over continue-as-new. */
export type Attempt = {
  readonly attempt: number;
  /** Written before anything is sent. It changes only where the attempt turns out to have been made under another. */
  label: string;
  readonly choice: Choice;
  readonly startedAtMs: number;
  phase: AttemptPhase;
  endedAtMs: number | null;
  failure: AttemptFailure | null;
  /** Ids ever known under the label; the first is the one we were told. */
  instanceIds: number[];
  createSentAtMs: number | null;
  wasSeen: boolean;
  meter: Meter;
  /** Base URL of the model server, `http(s)://host:port`. */
  endpoint: string | null;
  /** DELETEs: when the first was sent for which id, when the first of all was, when one was accepted. */
  deletes: { instanceId: number; sentAtMs: number }[];
  destroySentAtMs: number | null;
  destroyAcceptedAtMs: number | null;
  /** It was still shown after a DELETE was accepted. */
  hasLingered?: boolean;
  /** When it was READY; absent: it never was. */
  readyAtMs?: number;
  /** When its host failed it, for all that we know; absent: the machine is not to blame. */
  hostFailedAtMs?: number;
  seenAbsent: { atMs: number; by: 'id' | 'list' }[];
};

export function openAttempt(order: {
  attempt: number;
  label: string;
  choice: Choice;
  nowMs: number;
}): Attempt {
  const { choice } = order;
  return {
    attempt: order.attempt,
    label: order.label,
    choice,
    startedAtMs: order.nowMs,
    phase: 'granting',
    endedAtMs: null,
    failure: null,
    instanceIds: [],
    createSentAtMs: null,
    wasSeen: false,
    meter: {
      gpuUsdPerHour: choice.gpuUsdPerHour,
      storageUsdPerHour: choice.storageUsdPerHour,
      downloadUsdPerGb: choice.downloadUsdPerGb,
      uploadUsdPerGb: choice.uploadUsdPerGb,
      pricedAtMs: null,
      earlier: null,
      createdAtMs: null,
      runningAtMs: null,
      stoppedAtMs: null,
      goneAtMs: null,
      downloadMb: 0,
      uploadMb: 0,
    },
    endpoint: null,
    deletes: [],
    destroySentAtMs: null,
    destroyAcceptedAtMs: null,
    seenAbsent: [],
  };
}

const GPU_BILLED = ['running', 'rebooting', 'recycling', 'frozen', 'unknown'];

/** The meter after a look: the provider's own figures win over the offer's. */
export function meterWith(meter: Meter, facts: InstanceFacts): Meter {
  const runningAtMs = meter.runningAtMs ?? facts.runningAtMs;
  const isBilled = facts.actualStatus === null || GPU_BILLED.includes(facts.actualStatus);
  const read: Meter = {
    ...meter,
    downloadUsdPerGb: facts.downloadUsdPerGb ?? meter.downloadUsdPerGb,
    uploadUsdPerGb: facts.uploadUsdPerGb ?? meter.uploadUsdPerGb,
    createdAtMs: facts.createdAtMs ?? meter.createdAtMs,
    runningAtMs,
    stoppedAtMs: runningAtMs === null || isBilled ? null : (meter.stoppedAtMs ?? facts.observedAtMs),
    downloadMb: Math.max(meter.downloadMb, facts.downloadMb ?? 0),
    uploadMb: Math.max(meter.uploadMb, facts.uploadMb ?? 0),
  };
  if (facts.gpuUsdPerHour === null && facts.storageUsdPerHour === null) return read;
  return repriced(read, {
    gpuUsdPerHour: facts.gpuUsdPerHour ?? meter.gpuUsdPerHour,
    storageUsdPerHour: facts.storageUsdPerHour ?? meter.storageUsdPerHour,
    observedAtMs: facts.observedAtMs,
  });
}

/** Whether anything of it may still exist on the market. */
export function mayExist(attempt: Attempt): boolean {
  return attempt.createSentAtMs !== null && attempt.meter.goneAtMs === null;
}

/** $/h an attempt may be burning: an unanswered create counts at its offer's price. */
export function attemptBurn(attempt: Attempt): number {
  if (!mayExist(attempt)) return 0;
  return attempt.meter.createdAtMs === null ? attempt.choice.usdPerHour : burnAt(attempt.meter);
}

/** Dollars an attempt may have cost: a create nobody answered yet is billed as if it had gone through. */
export function attemptSpent(attempt: Attempt, nowMs: number): Usd {
  const { createSentAtMs, meter, choice } = attempt;
  if (createSentAtMs === null || !mayExist(attempt) || meter.createdAtMs !== null)
    return costAt(meter, nowMs);
  const gpu = (choice.usdPerHour * Math.max(0, nowMs - createSentAtMs)) / MS_PER_HOUR;
  return { gpu, storage: 0, bandwidth: 0, total: gpu };
}

/** The attempts that count against the limit of a launch: those since one last served for longer than a start may take. */
export function attemptsOfLaunch(attempts: readonly Attempt[], maxStartupMs: number): readonly Attempt[] {
  const served = attempts.findLastIndex(({ readyAtMs, destroySentAtMs }) => {
    return readyAtMs !== undefined && destroySentAtMs !== null && destroySentAtMs - readyAtMs > maxStartupMs;
  });
  return attempts.slice(served + 1);
}

export function attemptView(attempt: Attempt, nowMs: number): AttemptView {
  return {
    attempt: attempt.attempt,
    label: attempt.label,
    tier: attempt.choice.tier,
    offerId: attempt.choice.offerId,
    machineId: attempt.choice.machineId,
    gpu: gpuText(attempt.choice),
    usdPerHour: attempt.meter.gpuUsdPerHour + attempt.meter.storageUsdPerHour,
    phase: attempt.phase,
    startedAtMs: attempt.startedAtMs,
    endedAtMs: attempt.endedAtMs,
    failure: attempt.failure,
    instanceId: attempt.instanceIds[0] ?? null,
    usd: costAt(attempt.meter, nowMs).total,
    createdAtMs: attempt.meter.createdAtMs,
    runningAtMs: attempt.meter.runningAtMs,
    readyAtMs: attempt.readyAtMs ?? null,
    runningMsExpected: attempt.choice.pullMsExpected,
    readyMsExpected: attempt.choice.bootMsExpected,
  };
}

export function gpuText(choice: Pick<Choice, 'gpuName' | 'gpuCount'>): string {
  return choice.gpuCount === 1 ? choice.gpuName : `${choice.gpuCount}× ${choice.gpuName}`;
}

export function receiptInstance(
  attempt: Attempt,
  nowMs: number,
  bills: readonly ContractBill[] = [],
): ReceiptInstance {
  const metered = costAt(attempt.meter, nowMs);
  const billed = addUsd(bills.filter((bill) => isOf(attempt, bill)).map(({ usd }) => usd));
  return {
    instanceId: attempt.instanceIds[0] ?? null,
    label: attempt.label,
    createdAtMs: attempt.meter.createdAtMs,
    runningAtMs: attempt.meter.runningAtMs,
    destroySentAtMs: attempt.destroySentAtMs,
    goneAtMs: attempt.meter.goneAtMs,
    seenAbsent: attempt.seenAbsent.slice(-4),
    // What nobody of ours saw run was not metered, and billed all the same.
    usd: billed.total > metered.total ? billed : metered,
  };
}

function isOf({ label, instanceIds }: Attempt, bill: ContractBill): boolean {
  return bill.label === label || (bill.instanceId !== null && instanceIds.includes(bill.instanceId));
}
