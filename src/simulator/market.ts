import { type Machine, makeMachines, rounded } from './machine.ts';
import { type Random, seededRandom } from './random.ts';

/** A share of a machine that can be rented at once. Its offer id changes whenever it is listed anew. */
export type Slice = {
  readonly key: string;
  readonly machineId: number;
  readonly gpuCount: number;
  readonly firstGpu: number;
  offerId: number;
  usdPerGpuHour: number;
  minBidShare: number;
  /** Not null: withdrawn by its host or rented by somebody else until then (epoch seconds). */
  awayUntil: number | null;
  /** The contract that holds its GPUs now. */
  contractId: number | null;
};

export type MarketState = { openedAt: number; offersMade: number; ticks: number; slices: Slice[] };

/** A market second is `1 / timeScale` seconds of the wall clock. */
export type MarketOptions = {
  readonly seed: number;
  readonly machines: number;
  readonly timeScale: number;
  /** How much faster than in a calm market offers leave and change price. */
  readonly restlessness: number;
};

/**
 * The offers of all machines.
 *
 * 1. A slice is held by at most one contract (`contractId`).
 * 2. An offer id is never used twice, so a stale search cannot rent something else.
 */
export class Market {
  readonly machines: ReadonlyMap<number, Machine>;
  readonly slices: ReadonlyMap<string, Slice>;
  readonly openedAt: number;
  readonly #options: MarketOptions;
  readonly #byOfferId = new Map<number, Slice>();
  /** Offers that were on the market once, so that a refusal can say "no longer" rather than "unknown". */
  readonly #past = new Set<number>();
  #offersMade: number;
  #ticks: number;

  constructor(options: MarketOptions, now: number, state?: MarketState) {
    this.#options = options;
    this.machines = new Map(
      makeMachines(options.seed, options.machines).map((machine) => [machine.id, machine]),
    );
    this.openedAt = state?.openedAt ?? now;
    // Offers made after the last save, by a run that was killed, must not be met again.
    this.#offersMade = state === undefined ? 0 : state.offersMade + UNSAVED_OFFERS;
    this.#ticks = state?.ticks ?? 0;
    const slices = state?.slices ?? [...this.machines.values()].flatMap((machine) => this.#slicesOf(machine));
    this.slices = new Map(slices.map((slice) => [slice.key, slice]));
    for (const slice of slices) this.#byOfferId.set(slice.offerId, slice);
  }

  state(): MarketState {
    const { openedAt } = this;
    return { openedAt, offersMade: this.#offersMade, ticks: this.#ticks, slices: [...this.slices.values()] };
  }

  /** Every slice that a search may show; rented ones too, which default filters take out. */
  *shown(): Generator<{ slice: Slice; machine: Machine }> {
    for (const slice of this.slices.values()) {
      const machine = this.machines.get(slice.machineId);
      if (machine !== undefined && slice.awayUntil === null) yield { slice, machine };
    }
  }

  find(offerId: number): { slice: Slice; machine: Machine } | null {
    const slice = this.#byOfferId.get(offerId);
    const machine = slice && this.machines.get(slice.machineId);
    return slice && machine ? { slice, machine } : null;
  }

  wasOffered(offerId: number): boolean {
    return this.#past.has(offerId);
  }

  getMachine(machineId: number): Machine {
    const machine = this.machines.get(machineId);
    if (machine === undefined) throw new Error(`there is no machine ${machineId}`);
    return machine;
  }

  isFree(slice: Slice): boolean {
    return slice.contractId === null && slice.awayUntil === null;
  }

  endDate(machine: Machine): number {
    return this.openedAt + machine.listedDays * 86_400;
  }

  minBid(slice: Slice): number {
    return rounded(slice.usdPerGpuHour * slice.gpuCount * slice.minBidShare, 6);
  }

  take(slice: Slice, contractId: number): void {
    slice.contractId = contractId;
  }

  /** Back on the market, as a new offer. */
  release(sliceKey: string, contractId: number): void {
    const slice = this.slices.get(sliceKey);
    if (slice === undefined || slice.contractId !== contractId) return;
    slice.contractId = null;
    this.#relist(slice);
  }

  /** Withdraws an offer for a while, as when somebody else was quicker. */
  withdraw(slice: Slice, until: number): void {
    slice.awayUntil = until;
    this.#relist(slice);
  }

  /** Lets the market live on to `now`: half a market minute a tick. */
  move(now: number): boolean {
    const due = Math.floor(((now - this.openedAt) * this.#options.timeScale) / TICK_SECONDS);
    // After a long sleep the market need not relive every minute.
    this.#ticks = Math.max(this.#ticks, due - 200);
    let moved = false;
    for (; this.#ticks < due; this.#ticks += 1) {
      const random = seededRandom(this.#options.seed, 'tick', this.#ticks);
      for (const slice of this.slices.values()) moved = this.#moveSlice(slice, random, now) || moved;
    }
    return moved;
  }

  #moveSlice(slice: Slice, random: Random, now: number): boolean {
    const dice = random.next();
    const size = random.next();
    if (slice.awayUntil !== null) {
      if (slice.awayUntil > now) return false;
      slice.awayUntil = null;
      return true;
    }
    if (slice.contractId !== null) return false;
    if (dice < LEAVE_CHANCE * this.#options.restlessness) {
      this.withdraw(slice, now + (600 + size * 6600) / this.#options.timeScale);
      return true;
    }
    if (dice > 1 - REPRICE_CHANCE * this.#options.restlessness) {
      const machine = this.getMachine(slice.machineId);
      const wanted = slice.usdPerGpuHour * (0.93 + size * 0.14);
      const { usdPerHourLow, usdPerHourHigh } = machine.gpu;
      slice.usdPerGpuHour = rounded(Math.min(usdPerHourHigh, Math.max(usdPerHourLow, wanted)), 6);
      return true;
    }
    return false;
  }

  #relist(slice: Slice): void {
    this.#byOfferId.delete(slice.offerId);
    this.#past.add(slice.offerId);
    slice.offerId = this.#newOfferId();
    this.#byOfferId.set(slice.offerId, slice);
  }

  #newOfferId(): number {
    this.#offersMade += 1;
    return FIRST_OFFER_ID + this.#offersMade * 3 + (this.#options.seed % 1000) * 1_000_000;
  }

  #slicesOf(machine: Machine): Slice[] {
    const random = seededRandom(this.#options.seed, 'slices', machine.id);
    let firstGpu = 0;
    return machine.sliceGpuCounts.map((gpuCount, index) => {
      const slice: Slice = {
        key: `${machine.id}:${index}`,
        machineId: machine.id,
        gpuCount,
        firstGpu,
        offerId: this.#newOfferId(),
        usdPerGpuHour: machine.usdPerGpuHour,
        minBidShare: machine.bidShare,
        awayUntil: random.chance(0.06)
          ? this.openedAt + random.between(60, 3000) / this.#options.timeScale
          : null,
        contractId: null,
      };
      firstGpu += gpuCount;
      return slice;
    });
  }
}

const FIRST_OFFER_ID = 21_000_000;
const UNSAVED_OFFERS = 10_000;
const TICK_SECONDS = 30;
/** In each tick. In a calm market an offer stays for most of a day, and is then away for up to two hours. */
const LEAVE_CHANCE = 0.0004;
const REPRICE_CHANCE = 0.0008;
