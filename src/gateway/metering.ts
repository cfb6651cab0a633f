import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { openDatabase } from '../archive/database.ts';
import type { Span } from '../domain/costs.ts';
import { type AnsweredRequest, gpuShareUsd, type UsageRow } from '../domain/gateway-usage.ts';
import { SlidingWindow } from '../domain/sliding-window.ts';
import { GatewayMetrics } from './metering-metrics.ts';
import { openUsageStore, USAGE_TABLES, type Usage, type UsageStore } from './metering-store.ts';

/** What requests through the gateway came to: in memory, in the archive a few seconds later, in metrics and in the log. */
export type Metering = {
  /** Cheap enough for every request. */
  note(answered: AnsweredRequest): void;
  /**
   * What so many tokens of a session cost by its price per hour and what it has done lately; null where its price is
   * not known.
   */
  gpuUsd(session: string, tokens: number): number | null;
  /** What the archive knows, with what this process has not written yet. */
  usage(span: Span): Promise<Usage>;
  /** Writes what was not written. */
  close(): Promise<void>;
};

export type MeteringOptions = {
  readonly owner: string;
  /** Directory of the SQLite file, where no database is named. */
  readonly home: string;
  readonly databaseUrl?: string | undefined;
  readonly registry: Registry;
  readonly logger: Pick<Logger, 'warn' | 'debug' | 'isLevelEnabled'>;
  /** Of a session that serves now; null where nobody knows. */
  readonly usdPerHourOf?: (session: string) => number | null;
  readonly flushMs?: number;
  readonly nowMs?: () => number;
};

const HOUR_MS = 3_600_000;
const FLUSH_MS = 5_000;
/** Sums that are not written yet: beyond them, what is new is counted as `other`. */
const SUMS_MAX = 5_000;
const NAME_MAX = 200;

export function openMetering(options: MeteringOptions): Metering {
  const {
    owner,
    registry,
    logger,
    usdPerHourOf = () => null,
    flushMs = FLUSH_MS,
    nowMs = Date.now,
  } = options;
  const database = openDatabase(options, USAGE_TABLES);
  const sums = new Sums(openUsageStore(database, owner), logger);
  const metrics = new GatewayMetrics(registry);
  const recent = new RecentTokens();
  const gpuUsd = (session: string, tokens: number): number | null => {
    const usdPerHour = usdPerHourOf(session);
    return usdPerHour === null ? null : gpuShareUsd({ usdPerHour, tokens, ...recent.of(session, nowMs()) });
  };
  const timer = setInterval(() => void sums.flush(nowMs()), flushMs);
  timer.unref();
  return {
    note(answered) {
      const atMs = nowMs();
      const tokens = answered.promptTokens + answered.completionTokens;
      sums.add(answered, atMs);
      if (answered.session !== null) recent.add(answered.session, tokens, atMs);
      const isRented = answered.usd === null && answered.session !== null;
      const usd = isRented ? gpuUsd(answered.session, tokens) : answered.usd;
      metrics.note(answered, usd ?? 0);
      // A line for each request would be most of the log: for whoever asks for it.
      if (logger.isLevelEnabled('debug')) logger.debug({ ...answered, usd }, 'request answered');
    },
    gpuUsd,
    usage: async (span) => {
      await sums.flush(nowMs());
      return sums.store.read(span);
    },
    close: async () => {
      clearInterval(timer);
      await sums.flush(nowMs());
      await database.close();
    },
  };
}

type Sum = { -readonly [Field in keyof UsageRow]: UsageRow[Field] } & { isNew: boolean };

/** Sums by hour since the start of this process; those of hours that are over go when they are written. */
class Sums {
  readonly store: UsageStore;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #sums = new Map<string, Sum>();
  #flushing: Promise<void> | null = null;
  /** A clock that was put back does not open an hour again that was written and forgotten. */
  #hourMs = 0;

  constructor(store: UsageStore, logger: Pick<Logger, 'warn'>) {
    this.store = store;
    this.#logger = logger;
  }

  add(answered: AnsweredRequest, atMs: number): void {
    this.#hourMs = Math.max(this.#hourMs, atMs - (atMs % HOUR_MS));
    const sum = this.#sumOf(answered, this.#hourMs);
    sum.requests += 1;
    if (answered.status >= 500) sum.failures += 1;
    sum.promptTokens += answered.promptTokens;
    sum.completionTokens += answered.completionTokens;
    sum.seconds += answered.seconds;
    if (answered.usd === null) sum.unpriced += 1;
    else sum.usd += answered.usd;
    sum.isNew = true;
  }

  /** One at a time; what fails is written with the next. */
  flush(nowMs: number): Promise<void> {
    this.#hourMs = Math.max(this.#hourMs, nowMs - (nowMs % HOUR_MS));
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const changed = [...this.#sums].filter(([, { isNew }]) => isNew);
    if (changed.length > 0) {
      for (const [, sum] of changed) sum.isNew = false;
      try {
        await this.store.write(changed.map(([, sum]) => ({ ...sum })));
      } catch (error) {
        for (const [, sum] of changed) sum.isNew = true;
        this.#logger.warn({ err: error }, 'what the gateway was used for cannot be written yet');
        return;
      }
    }
    for (const [name, { isNew, fromMs }] of this.#sums)
      if (!isNew && fromMs < this.#hourMs) this.#sums.delete(name);
  }

  #sumOf({ provider, model, session, keyId }: AnsweredRequest, fromMs: number): Sum {
    const name = `${fromMs} ${provider} ${session ?? ''} ${keyId ?? ''} ${model}`;
    const known = this.#sums.get(name);
    if (known !== undefined) return known;
    const isFull = this.#sums.size >= SUMS_MAX;
    const of = isFull
      ? { provider, model: 'other', session: null, keyId: 'other' }
      : { provider, model: model.slice(0, NAME_MAX), session, keyId };
    const key = isFull ? `${fromMs} ${provider} other` : name;
    const sum = this.#sums.get(key) ?? { ...NOTHING, ...of, fromMs };
    this.#sums.set(key, sum);
    return sum;
  }
}

const NOTHING = {
  requests: 0,
  failures: 0,
  promptTokens: 0,
  completionTokens: 0,
  seconds: 0,
  usd: 0,
  unpriced: 0,
  isNew: false,
};

const RECENT_MS = 15 * 60_000;
const SHORTEST_MS = 60_000;
const SESSIONS_MAX = 1_000;

/** Tokens of each session in the last quarter of an hour, or since it was first used. */
class RecentTokens {
  readonly #bySession = new Map<string, { window: SlidingWindow; sinceMs: number }>();

  add(session: string, tokens: number, nowMs: number): void {
    let known = this.#bySession.get(session);
    if (known === undefined) {
      // Names of sessions come and go: the one that was here longest is forgotten.
      const oldest = this.#bySession.size >= SESSIONS_MAX ? this.#bySession.keys().next().value : undefined;
      if (oldest !== undefined) this.#bySession.delete(oldest);
      known = {
        window: new SlidingWindow({ limit: Number.MAX_SAFE_INTEGER, spanMs: RECENT_MS }),
        sinceMs: nowMs,
      };
      this.#bySession.set(session, known);
    }
    known.window.take(tokens, nowMs);
  }

  of(session: string, nowMs: number): { tokensOfSpan: number; spanMs: number } {
    const known = this.#bySession.get(session);
    if (known === undefined) return { tokensOfSpan: 0, spanMs: 0 };
    const spanMs = Math.min(RECENT_MS, Math.max(SHORTEST_MS, nowMs - known.sinceMs));
    return { tokensOfSpan: known.window.taken(nowMs), spanMs };
  }
}
