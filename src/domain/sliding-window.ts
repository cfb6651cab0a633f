/** What a window says to an amount: taken, or when asking again makes sense (null: it never fits). */
export type Taken =
  | { readonly isTaken: true; readonly slice: number }
  | { readonly isTaken: false; readonly retryAfterMs: number | null };

const SLICES = 60;

/**
 * At most `limit` in any span of `spanMs`, wherever it begins: there is no border at which two spans' worth
 * could pass together, and nothing is saved up.
 *
 * Amounts are counted in sixty slices and one more, the one that is not over; what is in any of them counts. So
 * an amount counts for up to a sixtieth of the span longer than it must: never shorter.
 */
export class SlidingWindow {
  readonly limit: number;
  readonly #sliceMs: number;
  readonly #amounts = new Float64Array(SLICES + 1);
  #slice = 0;
  #sum = 0;

  constructor({ limit, spanMs }: { limit: number; spanMs: number }) {
    this.limit = limit;
    this.#sliceMs = spanMs / SLICES;
  }

  take(amount: number, nowMs: number): Taken {
    const slice = this.#moveTo(nowMs);
    if (this.#sum + amount > this.limit)
      return { isTaken: false, retryAfterMs: this.#retryAfterMs(amount, nowMs) };
    this.#add(slice, amount);
    return { isTaken: true, slice };
  }

  /** What was taken in `slice` turns out to be more or less by `amount`. */
  correct(slice: number, amount: number, nowMs: number): void {
    const newest = this.#moveTo(nowMs);
    // What is less was not used then; what is more is known only now.
    if (amount >= 0) this.#add(newest, amount);
    else if (slice >= newest - SLICES) this.#add(slice, amount);
  }

  remaining(nowMs: number): number {
    return Math.max(0, this.limit - this.taken(nowMs));
  }

  taken(nowMs: number): number {
    this.#moveTo(nowMs);
    return this.#sum;
  }

  /** Until nothing of what was taken counts any more. */
  resetMs(nowMs: number): number {
    const newest = this.#moveTo(nowMs);
    for (let slice = newest; slice >= newest - SLICES; slice--) {
      if (this.#at(slice) > 0) return this.#leavesAtMs(slice) - nowMs;
    }
    return 0;
  }

  /** A clock that was put back stands still here until it has caught up. */
  #moveTo(nowMs: number): number {
    const newest = Math.max(this.#slice, Math.floor(nowMs / this.#sliceMs));
    if (newest - this.#slice > SLICES) {
      this.#amounts.fill(0);
      this.#sum = 0;
    } else {
      for (let slice = this.#slice + 1; slice <= newest; slice++) this.#add(slice, -this.#at(slice));
    }
    this.#slice = newest;
    return newest;
  }

  /** The first moment at which enough of what counts now has left. */
  #retryAfterMs(amount: number, nowMs: number): number | null {
    if (amount > this.limit) return null;
    let left = this.#sum;
    for (let slice = this.#slice - SLICES; slice <= this.#slice; slice++) {
      left -= this.#at(slice);
      if (left + amount <= this.limit) return Math.max(1, this.#leavesAtMs(slice) - nowMs);
    }
    return this.#leavesAtMs(this.#slice) - nowMs;
  }

  #leavesAtMs(slice: number): number {
    return (slice + SLICES + 1) * this.#sliceMs;
  }

  #at(slice: number): number {
    return this.#amounts[slice % (SLICES + 1)] ?? 0;
  }

  #add(slice: number, amount: number): void {
    const at = slice % (SLICES + 1);
    this.#amounts[at] = (this.#amounts[at] ?? 0) + amount;
    this.#sum += amount;
  }
}
