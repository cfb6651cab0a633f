import { setTimeout as delay } from 'node:timers/promises';

/** The parts in the order in which they stop: each needs those behind it. */
export const STOP_ORDER = [
  'HTTP server',
  'sessions',
  'worker',
  'tracing',
  'simulated market',
  'Temporal',
] as const;
export type PartName = (typeof STOP_ORDER)[number];

/** What happened to a part, in a sentence. */
export type Trouble = { readonly part: PartName; readonly why: string };

const STOP_TIMEOUT_MS = 20_000;

/** What is running, how it stops, and the first of it that died by itself. */
export class Parts {
  readonly died: Promise<Trouble>;
  #tellDied: (trouble: Trouble) => void = () => undefined;
  readonly #stops = new Map<PartName, () => Promise<void>>();
  #isStopping = false;

  readonly #stopTimeoutMs: number;

  constructor({ stopTimeoutMs = STOP_TIMEOUT_MS } = {}) {
    this.#stopTimeoutMs = stopTimeoutMs;
    this.died = new Promise((resolve) => {
      this.#tellDied = resolve;
    });
  }

  add(part: PartName, stop: () => Promise<void>): void {
    this.#stops.set(part, stop);
  }

  /** A part that ends while all are being stopped does what it was told. */
  tellDeath(part: PartName, why: unknown): void {
    if (this.#isStopping) return;
    this.#tellDied({ part, why: why instanceof Error ? why.message : String(why) });
  }

  /** Stops each part before those it needs; one that hangs or fails holds up no other. */
  async stop(): Promise<Trouble[]> {
    this.#isStopping = true;
    const troubles: Trouble[] = [];
    for (const part of STOP_ORDER) {
      const stop = this.#stops.get(part);
      this.#stops.delete(part);
      const why = stop === undefined ? null : await stopInTime(stop, this.#stopTimeoutMs);
      if (why !== null) troubles.push({ part, why });
    }
    return troubles;
  }
}

async function stopInTime(stop: () => Promise<void>, timeoutMs: number): Promise<string | null> {
  const patience = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: patience.signal, ref: false }).then(
    () => `did not stop within ${timeoutMs / 1_000} s`,
    () => null,
  );
  try {
    return await Promise.race([stop().then(() => null), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    patience.abort();
  }
}
