import type { ContractCharges } from './auditing.ts';
import { formatLabel, parseLabel } from './label.ts';
import type { BookedAttempt, Reservation } from './ledger.ts';
import { addUsd } from './meter.ts';
import type { AttemptView, Receipt, ReceiptInstance, Usd } from './session.ts';

/** What is left to tell of a session whose workflow was ended from outside. */
export type Remains = {
  readonly owner: string;
  readonly session: string;
  readonly run: string;
  /** What the ledger booked for it; null where it is closed there already. */
  readonly reservation: Reservation | null;
  /** The provider's charges of its labels so far. */
  readonly charges: readonly ContractCharges[];
  /** Labels it claimed last. */
  readonly labels: readonly string[];
  readonly gpu: string | null;
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly reason: string;
};

const MS_PER_HOUR = 3_600_000;

/** The receipt that such a session did not write itself: the larger of bookings and charges, until it is final. */
export function terminatedReceipt(remains: Remains): Receipt {
  const numbers = attemptNumbers(remains);
  const known = numbers.map((attempt) => attemptOf(remains, attempt, attempt === numbers.at(-1)));
  const instances = known.map(({ instance }) => instance);
  const charged = remains.charges.filter(({ run }) => run === remains.run);
  return {
    session: remains.session,
    run: remains.run,
    outcome: 'terminated',
    reason: remains.reason,
    startedAtMs: remains.startedAtMs,
    readyAtMs: null,
    endedAtMs: remains.nowMs,
    final: false,
    usd: addUsd(instances.map(({ usd }) => usd)),
    forecastUsd: null,
    providerUsd: charged.length === 0 ? null : addUsd(charged.map(({ usd }) => usd)).total,
    attempts: known.map(({ view }) => view),
    instances,
  };
}

/** Attempts whose create may have been sent, by the ledger or by what the provider charges. */
function attemptNumbers({ reservation, charges, run }: Remains): number[] {
  const booked = Object.entries(reservation?.attempts ?? {})
    .filter(([, { isSpent, isCalledOff }]) => isSpent && !isCalledOff)
    .map(([attempt]) => Number(attempt));
  const charged = charges
    .filter((contract) => contract.run === run)
    .map(({ label }) => parseLabel(label)?.attempt ?? 0);
  return [...new Set([...booked, ...charged])].sort((a, b) => a - b);
}

function attemptOf(
  remains: Remains,
  attempt: number,
  isLast: boolean,
): { view: AttemptView; instance: ReceiptInstance } {
  const { owner, session, run, nowMs } = remains;
  const booked = remains.reservation?.attempts[attempt] ?? null;
  const charges = remains.charges.find(
    ({ run: ofRun, label }) => ofRun === run && parseLabel(label)?.attempt === attempt,
  );
  const label =
    charges?.label ??
    remains.labels.find((text) => parseLabel(text)?.attempt === attempt) ??
    formatLabel({ owner, session, run, attempt, expiresAtSec: 0 });
  const usd = dearer(bookedUsd(booked, nowMs), charges?.usd ?? null);
  const startedAtMs = booked?.sinceMs ?? charges?.fromMs ?? remains.startedAtMs;
  const instanceId = charges?.instanceId ?? null;
  const view: AttemptView = {
    attempt,
    label,
    tier: '',
    offerId: 0,
    machineId: booked?.machineId ?? 0,
    gpu: isLast && remains.gpu !== null ? remains.gpu : 'unknown',
    usdPerHour: booked?.usdPerHour ?? 0,
    phase: 'gone',
    startedAtMs,
    endedAtMs: booked?.endedAtMs ?? nowMs,
    failure: null,
    instanceId,
    usd: usd.total,
  };
  const instance: ReceiptInstance = {
    instanceId,
    label,
    createdAtMs: charges?.fromMs ?? null,
    runningAtMs: null,
    destroySentAtMs: null,
    // Nobody of this session saw it gone unless the ledger was told so: the charges will tell when it ended.
    goneAtMs: booked?.endedAtMs ?? null,
    seenAbsent: [],
    usd,
  };
  return { view, instance };
}

function bookedUsd(booked: BookedAttempt | null, nowMs: number): number {
  if (booked === null) return 0;
  return booked.usd ?? (booked.usdPerHour * Math.max(0, nowMs - booked.sinceMs)) / MS_PER_HOUR;
}

/** The ledger does not book in parts: what it booked counts as the GPU's. */
function dearer(booked: number, charged: Usd | null): Usd {
  if (charged !== null && charged.total >= booked) return charged;
  return { gpu: booked, storage: 0, bandwidth: 0, total: booked };
}
