/** One request that `/route/` gave an index: load of the engine until it is retired. Epoch seconds. */
export type LedgerEntry = {
  readonly idx: number;
  readonly endpointId: number;
  cost: number;
  readonly askedAt: number;
  /** Null while it waits in the engine for a worker. */
  workerId: number | null;
  reqnum: number | null;
  routedAt: number | null;
  /** The worker has named it among those in hand. */
  wasSeen: boolean;
  /** How long it may stay away from the worker it was sent to, or from `/route/`. */
  replaySeconds: number;
};

/** How an entry left the ledger; `reported` is what the worker said of it, where it did. */
export type Retired = {
  readonly idx: number;
  readonly workerId: number | null;
  readonly how: 'delete_requests' | 'no longer in hand' | 'never came' | 'worker left';
  readonly at: number;
  readonly reported: unknown;
};

/**
 * The requests that are under way, as the engine sees them: it learns of them from routes and reports alone.
 *
 * 1. An index is never used twice, and survives being routed again.
 * 2. Nothing stays for ever: what no worker retires runs out.
 */
export class Ledger {
  readonly #entries = new Map<number, LedgerEntry>();
  #retired: Retired[] = [];
  #made = 0;

  /** The entry of an index that a caller brings back, or a new one. Null: a stranger's, or long retired. */
  open(order: {
    idx: number;
    endpointId: number;
    cost: number;
    replaySeconds: number;
    now: number;
  }): LedgerEntry {
    const known = this.#entries.get(order.idx);
    if (known !== undefined && known.endpointId === order.endpointId) {
      known.cost = order.cost;
      return known;
    }
    this.#made += 1;
    const entry: LedgerEntry = {
      idx: this.#made,
      endpointId: order.endpointId,
      cost: order.cost,
      askedAt: order.now,
      workerId: null,
      reqnum: null,
      routedAt: null,
      wasSeen: false,
      replaySeconds: order.replaySeconds,
    };
    this.#entries.set(entry.idx, entry);
    return entry;
  }

  route(entry: LedgerEntry, to: { workerId: number; reqnum: number; now: number }): void {
    entry.workerId = to.workerId;
    entry.reqnum = to.reqnum;
    entry.routedAt = to.now;
    entry.wasSeen = false;
  }

  /** A report names what is in hand: what was there before and is no longer has ended. */
  noteInHand(workerId: number, inHand: readonly number[], now: number): void {
    const named = new Set(inHand);
    for (const entry of this.ofWorker(workerId)) {
      if (named.has(entry.idx)) entry.wasSeen = true;
      else if (entry.wasSeen) this.#retire(entry, 'no longer in hand', now);
    }
  }

  /** True when the index was there. Only the worker that has the request may retire it. */
  retire(workerId: number, idx: number, reported: unknown, now: number): boolean {
    const entry = this.#entries.get(idx);
    if (entry === undefined || entry.workerId !== workerId) return false;
    this.#retire(entry, 'delete_requests', now, reported);
    return true;
  }

  retireWorker(workerId: number, now: number): void {
    for (const entry of this.ofWorker(workerId)) this.#retire(entry, 'worker left', now);
  }

  /** What was routed and never seen, or given up while it waited. */
  expire(now: number): void {
    for (const entry of this.#entries.values()) {
      const since = entry.routedAt ?? entry.askedAt;
      if (!entry.wasSeen && now - since > entry.replaySeconds) this.#retire(entry, 'never came', now);
    }
  }

  all(): readonly LedgerEntry[] {
    return [...this.#entries.values()];
  }

  ofWorker(workerId: number): LedgerEntry[] {
    return this.all().filter((entry) => entry.workerId === workerId);
  }

  waiting(endpointId: number): LedgerEntry[] {
    return this.all().filter((entry) => entry.endpointId === endpointId && entry.workerId === null);
  }

  /** The newest ones that have left. */
  retired(): readonly Retired[] {
    return this.#retired;
  }

  #retire(entry: LedgerEntry, how: Retired['how'], at: number, reported: unknown = null): void {
    this.#entries.delete(entry.idx);
    this.#retired.push({ idx: entry.idx, workerId: entry.workerId, how, at, reported });
    if (this.#retired.length > RETIRED_KEPT * 1.2) this.#retired = this.#retired.slice(-RETIRED_KEPT);
  }
}

const RETIRED_KEPT = 5_000;
