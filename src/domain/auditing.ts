import { parseLabel } from './label.ts';
import { reservationKey } from './ledger.ts';
import type { ChargeRow } from './market.ts';
import { addUsd } from './meter.ts';
import type { ReaperInstance } from './reaping.ts';
import type { Receipt, ReceiptInstance, Usd } from './session.ts';
import type { Correction, Settled } from './settled.ts';

/** What the provider has charged for one contract of ours so far, all its rows together. */
export type ContractCharges = {
  readonly instanceId: number | null;
  readonly label: string;
  /** Of its session: `owner:session:run`. */
  readonly key: string;
  readonly session: string;
  readonly run: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly usd: Usd;
};

/** The provider's bill ends up to this long before the instance was seen gone. */
const TAIL_SHORT_MS = 30_000;
const DAY_MS = 86_400_000;
/** A row that has not grown for so long is of an instance that is gone. */
export const ROW_FRESH_MS = 2 * DAY_MS;
const LEAST_CHANGE_USD = 0.000_001;

/**
 * Rows under our labels, summed by contract; strangers', other owners' and volumes are not among them. One whose
 * label somebody changed in the console is ours by its id, where a session of ours knew it.
 */
export function chargesOfOwner(
  rows: readonly ChargeRow[],
  owner: string,
  labelsById: ReadonlyMap<number, string> = new Map(),
): ContractCharges[] {
  const ours = rows.flatMap((row) => {
    const text = (row.instanceId !== null ? labelsById.get(row.instanceId) : undefined) ?? row.label;
    const label = parseLabel(text);
    if (text === null || label === null || label.owner !== owner) return [];
    const { session, run } = label;
    return { ...row, label: text, session, run, key: reservationKey(label) };
  });
  const contracts = Map.groupBy(ours, contractKey);
  return [...contracts.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    return {
      ...first,
      fromMs: Math.min(...members.map(({ fromMs }) => fromMs)),
      toMs: Math.max(...members.map(({ toMs }) => toMs)),
      usd: addUsd(members.map(({ usd }) => usd)),
    };
  });
}

/** Of every instance in these receipts whose id is known, the label it was rented under. */
export function labelsByInstance(receipts: readonly Receipt[]): ReadonlyMap<number, string> {
  return new Map(
    receipts.flatMap(({ instances }) =>
      instances.flatMap(({ instanceId, label }) => (instanceId === null ? [] : [[instanceId, label]])),
    ),
  );
}

export function contractKey({ label, instanceId }: Pick<ContractCharges, 'label' | 'instanceId'>): string {
  return `${label}/${instanceId}`;
}

/**
 * Where the ledger differs from the provider's charges, as what each closed session cost in all.
 *
 * Up at once: what was charged was spent. Down only for sessions whose charges are complete, a day after they
 * closed, since rows lag. A session the ledger never heard of counts, if it would know it had it closed: by its
 * receipt too, where Temporal was put back to before it and its rows are not there yet.
 */
export function correctionsOf(
  charges: readonly ContractCharges[],
  books: {
    readonly nowMs: number;
    readonly tailMs: number;
    readonly periodStartMs: number;
    readonly settled: Settled;
    readonly settledSinceMs: number;
    /** Sessions that are covered by a reservation, or will settle themselves. */
    readonly openKeys: ReadonlySet<string>;
    /** Sessions whose receipt is final. */
    readonly finalKeys: ReadonlySet<string>;
    /** Of sessions that ended, as the archive has them. */
    readonly receipts: readonly { readonly key: string; readonly usd: number; readonly endedAtMs: number }[];
  },
): Correction[] {
  const charged = Map.groupBy(charges, ({ key }) => key);
  const receipts = new Map(books.receipts.map((receipt) => [receipt.key, receipt]));
  return [...new Set([...charged.keys(), ...receipts.keys()])].flatMap((key) => {
    if (books.openKeys.has(key)) return [];
    const contracts = charged.get(key) ?? [];
    const usd = addUsd(contracts.map((contract) => contract.usd)).total;
    const booked = books.settled[key];
    if (booked === undefined) {
      const receipt = receipts.get(key);
      const spentUsd = Math.max(usd, receipt?.usd ?? 0);
      const endMs = Math.max(receipt?.endedAtMs ?? 0, ...contracts.map(({ toMs }) => toMs));
      const isKnownToBeMissing =
        endMs >= books.periodStartMs && endMs > books.settledSinceMs + books.tailMs && spentUsd > 0;
      return isKnownToBeMissing ? { key, usd: spentUsd } : [];
    }
    if (contracts.length === 0) return [];
    if (usd > booked.usd + LEAST_CHANGE_USD) return { key, usd };
    const isCertain = books.finalKeys.has(key) && books.nowMs - booked.atMs >= DAY_MS;
    return usd < booked.usd - LEAST_CHANGE_USD && isCertain ? { key, usd } : [];
  });
}

/** Where the rows do not reach an instance's end as it was seen, they must have rested for so many tails: a day by default. */
const RESTED_TAILS = 288;

/**
 * The receipt as the provider's charges make it, once they cover the life of every contract in it, the
 * provider's billing has had time to end and nothing came since the last audit; null while they do not.
 */
export function finalReceipt(
  receipt: Receipt,
  charges: readonly ContractCharges[],
  now: {
    readonly nowMs: number;
    readonly tailMs: number;
    /** Where the rows of a contract ended at the last audit, by `contractKey`. */
    readonly endsBefore: Readonly<Record<string, number>>;
  },
): Receipt | null {
  if (receipt.final) return null;
  // What it does not name may have been rented until its end, and shows in the charges later.
  if (now.nowMs < receipt.endedAtMs + now.tailMs) return null;
  const instances: ReceiptInstance[] = [];
  for (const instance of [...receipt.instances, ...unnamedIn(receipt, charges)]) {
    const rows = charges.filter((row) => isChargedFor(instance, row));
    const isBilled = instance.instanceId !== null || instance.createdAtMs !== null || rows.length > 0;
    // Rows lag: one that has grown since the last audit may grow on.
    if (rows.some((row) => now.endsBefore[contractKey(row)] !== row.toMs)) return null;
    const untilMs = Math.max(0, ...rows.map(({ toMs }) => toMs));
    if (!isCovered({ instance, isBilled, untilMs, endedAtMs: receipt.endedAtMs }, now)) return null;
    instances.push({
      ...instance,
      ...knownByCharges(instance, rows),
      usd: addUsd(rows.map(({ usd }) => usd)),
    });
  }
  const usd = addUsd(instances.map((instance) => instance.usd));
  return { ...receipt, final: true, instances, usd, providerUsd: usd.total };
}

/** A reset takes a session back to before it rented: what its run rented after that, only the charges know. */
function unnamedIn(receipt: Receipt, charges: readonly ContractCharges[]): ReceiptInstance[] {
  return charges
    .filter(({ session, run }) => session === receipt.session && run === receipt.run)
    .filter((row) => !receipt.instances.some((instance) => isChargedFor(instance, row)))
    .map(({ instanceId, label }) => ({
      ...{ instanceId, label, createdAtMs: null, runningAtMs: null, destroySentAtMs: null, goneAtMs: null },
      ...{ seenAbsent: [], usd: addUsd([]) },
    }));
}

function isChargedFor(instance: ReceiptInstance, { label, instanceId }: ContractCharges): boolean {
  return label === instance.label || (instanceId !== null && instanceId === instance.instanceId);
}

/** What our session never saw of an instance, its rows tell: which it was, and from when until when it was billed. */
function knownByCharges(
  instance: ReceiptInstance,
  rows: readonly ContractCharges[],
): Partial<ReceiptInstance> {
  const [row] = rows;
  if (row === undefined) return {};
  const wasSeenGone = instance.instanceId !== null && instance.goneAtMs !== null;
  return {
    instanceId: instance.instanceId ?? row.instanceId,
    createdAtMs: instance.createdAtMs ?? Math.min(...rows.map(({ fromMs }) => fromMs)),
    goneAtMs: wasSeenGone ? instance.goneAtMs : Math.max(...rows.map(({ toMs }) => toMs)),
  };
}

function isCovered(
  seen: {
    readonly instance: ReceiptInstance;
    readonly isBilled: boolean;
    readonly untilMs: number;
    readonly endedAtMs: number;
  },
  { nowMs, tailMs }: { readonly nowMs: number; readonly tailMs: number },
): boolean {
  const { goneAtMs } = seen.instance;
  const hasRested = nowMs >= Math.max(seen.untilMs, goneAtMs ?? 0, seen.endedAtMs) + RESTED_TAILS * tailMs;
  if (goneAtMs === null) return hasRested;
  const isReached = !seen.isBilled || seen.untilMs >= goneAtMs - TAIL_SHORT_MS;
  // It was seen gone only long after it was, while no worker ran: its rows end where they end.
  const isReachedAtLast = seen.untilMs > 0 && hasRested;
  return isReachedAtLast || (isReached && nowMs >= goneAtMs + tailMs);
}

/**
 * Contracts that show in the charges and in no account of ours: for an instance that was neither answered nor
 * ever listed. In the reaper's words, so that the reaper's table judges them.
 */
export function unaccountedFor(
  charges: readonly ContractCharges[],
  known: {
    readonly nowMs: number;
    /** Contracts a receipt says are gone, or whose DELETE was answered `gone` before. */
    readonly closedInstances: ReadonlySet<number>;
  },
): ReaperInstance[] {
  return charges.flatMap(({ instanceId, label, toMs }) => {
    if (instanceId === null || known.closedInstances.has(instanceId)) return [];
    if (known.nowMs - toMs > ROW_FRESH_MS) return [];
    return { instanceId, label, labelFromEnvironment: null, usdPerHour: null, actualStatus: null };
  });
}
