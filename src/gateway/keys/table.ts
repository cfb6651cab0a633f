import type { Logger } from 'pino';
import type { GatewayKey, KeyTimes } from './keys.ts';
import { Rates } from './rates.ts';
import { keysUnavailable } from './refusals.ts';
import type { KeyStore } from './store.ts';
import { hashOf, hasTokenShape } from './token.ts';

type Entry = { readonly key: GatewayKey; readonly hash: string; readonly rates: Rates };

const MINUTE_MS = 60_000;

/** The keys in use, in memory, by the hash of their tokens. */
export class KeyTable {
  readonly #store: KeyStore;
  readonly #logger: Pick<Logger, 'warn' | 'info'>;
  readonly #times: KeyTimes;
  readonly #nowMs: () => number;
  #byHash: ReadonlyMap<string, Entry> | null = null;
  #byId: ReadonlyMap<string, Entry> = new Map();
  #version = -1;
  /** By key, to the minute; what the database was not told yet. */
  readonly #used = new Map<string, number>();
  readonly #told = new Map<string, number>();
  #refreshing: Promise<void> | null = null;
  #wasAway = false;
  #timers: NodeJS.Timeout[] = [];

  constructor(deps: {
    store: KeyStore;
    logger: Pick<Logger, 'warn' | 'info'>;
    times: KeyTimes;
    nowMs: () => number;
  }) {
    this.#store = deps.store;
    this.#logger = deps.logger;
    this.#times = deps.times;
    this.#nowMs = deps.nowMs;
  }

  start(): void {
    this.#timers = [
      setInterval(() => {
        // A database that is slow is not asked ever more often.
        if (this.#refreshing === null) void this.refresh();
      }, this.#times.refreshMs),
      setInterval(() => void this.#tellUse(), this.#times.usedMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#refreshing;
    await this.#tellUse();
  }

  find(token: string): Entry | null {
    if (!hasTokenShape(token)) return null;
    if (this.#byHash === null) throw keysUnavailable('The API keys cannot be read now.');
    return this.#byHash.get(hashOf(token)) ?? null;
  }

  /** What counts for the key; null when it is gone meanwhile. */
  noteUse(id: string): Entry | null {
    const entry = this.#byId.get(id);
    if (entry === undefined) return null;
    this.#used.set(id, Math.floor(this.#nowMs() / MINUTE_MS) * MINUTE_MS);
    return entry;
  }

  /** One look at a time: who asks during one waits for the next, which sees all that was written before. */
  async refresh(): Promise<void> {
    const before = this.#refreshing;
    const mine = (before ?? Promise.resolve()).then(() => this.#look());
    this.#refreshing = mine;
    await mine;
    if (this.#refreshing === mine) this.#refreshing = null;
  }

  async #look(): Promise<void> {
    try {
      const version = await this.#store.version();
      if (version !== this.#version) await this.#read(version);
      if (this.#wasAway) this.#logger.info('gateway keys can be read again');
      this.#wasAway = false;
    } catch (error) {
      if (!this.#wasAway) this.#logger.warn({ err: error }, 'gateway keys cannot be read; known ones go on');
      this.#wasAway = true;
    }
  }

  async #read(version: number): Promise<void> {
    const entries = (await this.#store.live()).map(({ hash, lastUsedAtMs: _, ...key }): Entry => {
      // What was used of a minute is not forgotten because another key was made.
      const rates = this.#byId.get(key.id)?.rates ?? new Rates(key.limits, this.#nowMs);
      return { key, hash, rates };
    });
    this.#byHash = new Map(entries.map((entry) => [entry.hash, entry]));
    this.#byId = new Map(entries.map((entry) => [entry.key.id, entry]));
    // Read before the keys: one that changed in between is read again.
    this.#version = version;
    for (const id of this.#told.keys()) if (!this.#byId.has(id)) this.#told.delete(id);
  }

  async #tellUse(): Promise<void> {
    const news = new Map([...this.#used].filter(([id, atMs]) => this.#told.get(id) !== atMs));
    this.#used.clear();
    try {
      await this.#store.noteUsed(news);
      for (const [id, atMs] of news) this.#told.set(id, atMs);
    } catch (error) {
      this.#logger.warn({ err: error }, 'when keys were last used cannot be written');
    }
  }
}
