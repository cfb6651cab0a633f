import type { Lister, Snapshot, Wanted } from './instance-board.ts';

type Waiting = {
  readonly wanted: Wanted;
  readonly resolve: (snapshot: Snapshot) => void;
  readonly reject: (reason: unknown) => void;
};

/** As many rows as a page has. */
const BATCH_MAX = 25;

/**
 * Questions about single instances, 25 to a list call: by ids, or by labels.
 *
 * Who asks while a call is under way goes into the next one, so that every answer was asked for after its question.
 */
export class FindQueue {
  readonly #vast: Lister;
  readonly #callMs: number;
  #waiting: Waiting[] = [];
  #isAsking = false;

  /** `callMs`: for one call, its turn and repeats included. */
  constructor(vast: Lister, { callMs }: { readonly callMs: number }) {
    this.#vast = vast;
    this.#callMs = callMs;
  }

  /** The rows that carry the label, or the row with the id, and perhaps those of others. Throws what the client throws. */
  ask(wanted: Wanted): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ wanted, resolve, reject });
      if (!this.#isAsking) void this.#askAll();
    });
  }

  async #askAll(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) await this.#askSome(this.#takeBatch());
    this.#isAsking = false;
  }

  /** Of one kind, that of the oldest question: the market joins two filters by *and*. */
  #takeBatch(): Waiting[] {
    const isById = this.#waiting[0] !== undefined && 'instanceId' in this.#waiting[0].wanted;
    const batch = this.#waiting.filter(({ wanted }) => 'instanceId' in wanted === isById).slice(0, BATCH_MAX);
    this.#waiting = this.#waiting.filter((waiting) => !batch.includes(waiting));
    return batch;
  }

  async #askSome(batch: readonly Waiting[]): Promise<void> {
    const askedAtMs = Date.now();
    const ids = batch.flatMap(({ wanted }) => ('instanceId' in wanted ? [wanted.instanceId] : []));
    const labels = batch.flatMap(({ wanted }) => ('label' in wanted ? [wanted.label] : []));
    try {
      const instances = await this.#vast.listInstances(
        ids.length > 0 ? { instanceIds: [...new Set(ids)] } : { labels: [...new Set(labels)] },
        { deadlineMs: askedAtMs + this.#callMs },
      );
      for (const { resolve } of batch) resolve({ askedAtMs, instances });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
