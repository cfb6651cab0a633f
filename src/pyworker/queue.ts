/** A turn at the model; `end` gives it to the next. */
export type Turn = { end(): void };

type Waiting = { readonly begin: (turn: Turn) => void; timer: NodeJS.Timeout | null };

/** First come, first served, one at a time: for routes that are not parallel, all in one line. */
export class SerialQueue {
  readonly #waiting = new Set<Waiting>();
  #isTaken = false;

  get length(): number {
    return this.#waiting.size;
  }

  /**
   * Calls `begin` when it is this one's turn, at once where nobody is before it, or `overdue` when `maxWaitMs` has
   * passed before. Leaves the line when the answer is called.
   */
  enter(wait: { begin: (turn: Turn) => void; overdue: () => void; maxWaitMs: number | null }): () => void {
    if (!this.#isTaken) {
      this.#isTaken = true;
      wait.begin(this.#turn());
      return () => {};
    }
    const waiting: Waiting = { begin: wait.begin, timer: null };
    this.#waiting.add(waiting);
    if (wait.maxWaitMs !== null) {
      waiting.timer = setTimeout(() => {
        if (this.#waiting.delete(waiting)) wait.overdue();
      }, wait.maxWaitMs);
    }
    return () => {
      if (waiting.timer !== null) clearTimeout(waiting.timer);
      this.#waiting.delete(waiting);
    };
  }

  #turn(): Turn {
    let isOver = false;
    return {
      end: () => {
        if (isOver) return;
        isOver = true;
        this.#next();
      },
    };
  }

  #next(): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      if (waiting.timer !== null) clearTimeout(waiting.timer);
      waiting.begin(this.#turn());
      return;
    }
    this.#isTaken = false;
  }
}

/** Before the model was measured, as good as nothing: one request, and no second beside it. */
const UNKNOWN_LOAD_PER_SECOND = 0.000_01;

/** Seconds until what is in hand is done, by what the benchmark found. */
export function expectedWaitSeconds(inHandLoad: number, maxPerf: number): number {
  return inHandLoad / Math.max(maxPerf, UNKNOWN_LOAD_PER_SECOND);
}
