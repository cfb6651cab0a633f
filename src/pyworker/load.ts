/** What became of a request, in the engine's words. */
export type Outcome = 'Success' | 'Error' | 'Cancelled' | 'Rejected';

/** A request that the engine may forget, with its times in epoch seconds; 0: never. */
export type Retired = {
  readonly requestIdx: number;
  readonly outcome: Outcome;
  readonly enteredQueueAtSec: number;
  readonly workStartedAtSec: number;
  readonly workCompletedAtSec: number;
};

/** The load as a report tells it. */
export type LoadTold = {
  readonly curLoad: number;
  readonly newLoad: number;
  readonly rejLoad: number;
  readonly curPerf: number;
  readonly working: number;
  readonly received: number;
  readonly workingIdxs: readonly number[];
};

export type LoadOptions = {
  readonly nowMs?: () => number;
  /** Something that the engine should hear of at the next tick. */
  readonly onChange?: () => void;
  readonly onRetired?: (retired: Retired) => void;
};

/** One request in hand. */
export type Work = {
  /** It is at the model now. */
  start(): void;
  /** Once; later calls do nothing. */
  end(outcome: Outcome): void;
};

type InHand = { readonly requestIdx: number; readonly workload: number; readonly untold: number };

/**
 * How much work a worker has in hand, took, refused and did: pure counting.
 *
 * 1. What was told is told once: `delivered` takes off what that report said, and nothing that came since.
 * 2. A request within a session is in the session's load: it counts as new and as done, and not as in hand.
 */
export class Load {
  readonly #nowMs: () => number;
  readonly #onChange: () => void;
  readonly #onRetired: (retired: Retired) => void;
  readonly #inHand = new Set<InHand>();
  readonly #sessions = new Set<InHand>();
  #inHandLoad = 0;
  #newLoad = 0;
  #rejLoad = 0;
  #curPerf = 0;
  #received = 0;
  /** Counts deliveries: what was accepted before the last one has been told as new. */
  #deliveries = 0;

  constructor({ nowMs = Date.now, onChange = () => {}, onRetired = () => {} }: LoadOptions = {}) {
    this.#nowMs = nowMs;
    this.#onChange = onChange;
    this.#onRetired = onRetired;
  }

  /** Workload of everything in hand, without sessions. */
  get inHand(): number {
    return this.#inHand.size === 0 ? 0 : this.#inHandLoad;
  }

  /** Requests in hand, waiting ones too. */
  get requests(): number {
    return this.#inHand.size;
  }

  accept(of: {
    readonly requestIdx: number;
    readonly workload: number;
    readonly isInSession?: boolean;
  }): Work {
    const entry: InHand = { requestIdx: of.requestIdx, workload: of.workload, untold: this.#deliveries };
    const isListed = of.isInSession !== true;
    const times = { enteredQueueAtSec: this.#nowSec(), workStartedAtSec: 0 };
    if (isListed) {
      this.#add(entry);
      this.#received += 1;
    }
    this.#newLoad += of.workload;
    this.#onChange();
    let isOver = false;
    return {
      start: () => {
        times.workStartedAtSec = this.#nowSec();
      },
      end: (outcome) => {
        if (isOver) return;
        isOver = true;
        if (isListed) this.#remove(entry);
        this.#count(entry, outcome);
        const isDone = outcome === 'Success' || outcome === 'Error';
        if (isListed) {
          const workCompletedAtSec = isDone ? this.#nowSec() : 0;
          this.#onRetired({ requestIdx: of.requestIdx, outcome, ...times, workCompletedAtSec });
        }
        if (outcome !== 'Cancelled') this.#onChange();
      },
    };
  }

  /** Refused before it was in hand. */
  reject({ requestIdx, workload }: { readonly requestIdx: number; readonly workload: number }): void {
    this.#rejLoad += workload;
    this.#received += 1;
    const enteredQueueAtSec = this.#nowSec();
    this.#onRetired({
      requestIdx,
      outcome: 'Rejected',
      enteredQueueAtSec,
      workStartedAtSec: 0,
      workCompletedAtSec: 0,
    });
    this.#onChange();
  }

  /** A session is load from now on until it is closed. */
  openSession({ requestIdx, cost }: { readonly requestIdx: number; readonly cost: number }): {
    close(): void;
  } {
    const entry: InHand = { requestIdx, workload: cost, untold: this.#deliveries };
    const enteredQueueAtSec = this.#nowSec();
    this.#sessions.add(entry);
    this.#received += 1;
    this.#newLoad += cost;
    this.#onChange();
    return {
      close: () => {
        if (!this.#sessions.delete(entry)) return;
        this.#curPerf += cost;
        const workCompletedAtSec = this.#nowSec();
        this.#onRetired({
          requestIdx,
          outcome: 'Success',
          enteredQueueAtSec,
          workStartedAtSec: enteredQueueAtSec,
          workCompletedAtSec,
        });
        this.#onChange();
      },
    };
  }

  /** As of now, for a report. */
  get told(): LoadTold {
    const sessions = [...this.#sessions];
    return {
      curLoad: this.inHand + sessions.reduce((sum, { workload }) => sum + workload, 0),
      newLoad: this.#newLoad,
      rejLoad: this.#rejLoad,
      curPerf: this.#curPerf,
      working: this.#inHand.size + sessions.length,
      received: this.#received,
      workingIdxs: [...this.#inHand, ...sessions].map(({ requestIdx }) => requestIdx),
    };
  }

  /** The engine has taken a report that said so. */
  delivered({ newLoad, rejLoad, curPerf }: Pick<LoadTold, 'newLoad' | 'rejLoad' | 'curPerf'>): void {
    this.#deliveries += 1;
    // A request that was told and then left may have taken itself off already.
    this.#newLoad = Math.max(0, this.#newLoad - newLoad);
    this.#rejLoad = Math.max(0, this.#rejLoad - rejLoad);
    this.#curPerf = Math.max(0, this.#curPerf - curPerf);
  }

  #add(entry: InHand): void {
    this.#inHand.add(entry);
    this.#inHandLoad += entry.workload;
  }

  #remove(entry: InHand): void {
    this.#inHand.delete(entry);
    // Sums of fractions drift: nothing in hand is nothing.
    this.#inHandLoad = this.#inHand.size === 0 ? 0 : this.#inHandLoad - entry.workload;
  }

  #count({ workload, untold }: InHand, outcome: Outcome): void {
    // What failed was not done: as load it is over all the same.
    if (outcome === 'Error') return;
    if (outcome === 'Success') {
      this.#curPerf += workload;
      return;
    }
    if (outcome === 'Rejected') this.#rejLoad += workload;
    // The engine that was told of it has it off its books when it hears that it is retired.
    if (untold === this.#deliveries) this.#newLoad = Math.max(0, this.#newLoad - workload);
  }

  #nowSec(): number {
    return this.#nowMs() / 1_000;
  }
}
