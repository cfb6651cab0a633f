import type { Instance } from '../domain/instance.ts';
import type { InstanceFilter, ListOptions } from '../vast/client.ts';
import { FindQueue } from './find-queue.ts';

/** Rows of one list, and when the market was asked for it. */
export type Snapshot = { readonly askedAtMs: number; readonly instances: readonly Instance[] };

/** Whom a question is about: by the id, where it is known, since a label can be changed in the console. */
export type Wanted = { readonly instanceId: number } | { readonly label: string };

export type Lister = {
  listInstances(filter: InstanceFilter, options: ListOptions): Promise<Instance[]>;
};

/** For one page: where the market is silent for so long, the list has failed. */
const PAGE_MS = 20_000;
/** For all pages: 10,000 instances are 400 pages, one a second. */
const LIST_MS = 600_000;
/** Up to here a complete list is four calls, and answers everybody at once. */
const FEW = 100;
/** How many times as old as a complete list takes one may be that is looked at now and then. */
const AGE_IN_LISTS = 2.5;

/**
 * One list call for everybody who watches.
 *
 * A thousand sessions each reading their own instance would need a thousand calls a minute; the account has
 * sixty. So whoever wants to know waits for the next list that was *asked for* after the moment it names, and
 * all who wait share it.
 *
 * A page has 25 rows and the account one page a second, so that a complete list of a thousand instances takes
 * forty seconds. Absence needs one (`look`). Who watches what serves takes the newest (`recent`); and who has to
 * know of one instance now asks for it alone, together with 24 others (`find`).
 */
export class InstanceBoard {
  readonly #vast: Lister;
  readonly #finds: FindQueue;
  #latest: Snapshot | null = null;
  #running: Promise<Snapshot> | null = null;
  /** Of a complete list, ms. */
  #tookMs = 0;
  /** How many rows there are; null before a first page has told. */
  #size: number | null = null;
  readonly #isSized = Promise.withResolvers<void>();

  constructor(vast: Lister) {
    this.#vast = vast;
    this.#finds = new FindQueue(vast, { callMs: PAGE_MS });
  }

  /** A complete list asked for at or after `sinceMs`. Throws what the client throws: a failed list is never an empty one. */
  async look(sinceMs: number): Promise<Snapshot> {
    for (;;) {
      if (this.#latest !== null && this.#latest.askedAtMs >= sinceMs) return this.#latest;
      // A list already under way may have been asked for too early; then the next one is ours.
      await this.#list();
    }
  }

  /** A complete list not older than `ageMs`, or, where lists take long, not much older than it takes to make one. */
  async recent(ageMs: number): Promise<Snapshot> {
    const longMs = this.#tookMs * AGE_IN_LISTS;
    const latest = this.#latest;
    if (longMs <= ageMs || latest === null) return this.look(Date.now() - ageMs);
    const oldMs = Date.now() - latest.askedAtMs;
    if (oldMs > longMs) return this.look(Date.now() - longMs);
    // The next one is begun in time, so that nobody has to wait for it; who asks when it has failed is told.
    if (oldMs > longMs / 2) this.#list().catch(() => undefined);
    return latest;
  }

  /**
   * The rows of this one instance, asked for at or after `sinceMs`, and perhaps others: no proof of absence,
   * unless a read by id agrees. Throws as `look` does.
   */
  async find(wanted: Wanted, sinceMs: number): Promise<Snapshot> {
    // Any page tells how many there are, and a complete list is wanted soon in any case.
    if (this.#size === null) await Promise.race([this.#isSized.promise, this.#list()]);
    return (this.#size ?? 0) <= FEW ? this.look(sinceMs) : this.#finds.ask(wanted);
  }

  /** The list that is under way, or else a new one. */
  #list(): Promise<Snapshot> {
    this.#running ??= this.#listNow().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #listNow(): Promise<Snapshot> {
    const askedAtMs = Date.now();
    const instances = await this.#readAll(askedAtMs);
    this.#latest = { askedAtMs, instances };
    this.#noteSize(instances.length);
    this.#tookMs = Date.now() - askedAtMs;
    return this.#latest;
  }

  #readAll(askedAtMs: number): Promise<Instance[]> {
    const deadlineMs = askedAtMs + LIST_MS;
    return this.#vast.listInstances(
      {},
      { deadlineMs, pageMs: PAGE_MS, onTotal: (total) => this.#noteSize(total) },
    );
  }

  #noteSize(size: number): void {
    this.#size = size;
    this.#isSized.resolve();
  }
}
