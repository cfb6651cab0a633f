import type { Instance } from '../domain/instance.ts';

/** One complete list of the account's instances, and when the market was asked for it. */
export type Snapshot = { readonly askedAtMs: number; readonly instances: readonly Instance[] };

type Lister = {
  listInstances(filter?: { label?: string }, call?: { deadlineMs?: number }): Promise<Instance[]>;
};

/** Longest time for all pages: whoever waits for it has a time-out of its own, and asks again. */
const LIST_MS = 20_000;

/**
 * One list call for everybody who watches.
 *
 * A thousand sessions each reading their own instance would need a thousand calls a minute; the account has
 * sixty. So whoever wants to know waits for the next list that was *asked for* after the moment it names, and
 * all who wait share it.
 */
export class InstanceBoard {
  readonly #vast: Lister;
  #latest: Snapshot | null = null;
  #running: Promise<Snapshot> | null = null;

  constructor(vast: Lister) {
    this.#vast = vast;
  }

  /** A complete list asked for at or after `sinceMs`. Throws what the client throws: a failed list is never an empty one. */
  async look(sinceMs: number): Promise<Snapshot> {
    for (;;) {
      if (this.#latest !== null && this.#latest.askedAtMs >= sinceMs) return this.#latest;
      this.#running ??= this.#list();
      // A list already under way may have been asked for too early; then the next one is ours.
      await this.#running;
    }
  }

  async #list(): Promise<Snapshot> {
    const askedAtMs = Date.now();
    try {
      const instances = await this.#vast.listInstances({}, { deadlineMs: askedAtMs + LIST_MS });
      this.#latest = { askedAtMs, instances };
      return this.#latest;
    } finally {
      this.#running = null;
    }
  }
}
