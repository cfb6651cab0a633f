import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ACCESS_KEPT_MS, type AccessRecord, STRANGERS_KEPT_MS } from '../domain/access.ts';
import {
  ACCESS_AT_ONCE,
  ACCESS_SQL,
  ACCESS_TABLES,
  type AccessQuestion,
  accessIn,
  accessParameters,
  findAccess,
} from './access-rows.ts';
import type { ArchivePlace } from './archive.ts';
import { type Database, openDatabase } from './database.ts';

export type { AccessQuestion } from './access-rows.ts';

/**
 * Who changed what through the admin API, in the archive of the installation.
 *
 * 1. A record that was noted is written at once, and only once however often that is tried.
 * 2. An archive that is away holds nobody up: what cannot be written waits, bounded, and stands in the log until then.
 */
export type AccessLog = {
  /** Resolves once it is written, or cannot be for now; never rejects. */
  note(record: AccessRecord): Promise<void>;
  /** The newest first, with whether there are more. Throws an `ArchiveError`. */
  find(question: AccessQuestion): Promise<{ readonly records: AccessRecord[]; readonly isMore: boolean }>;
  /** Writes what was not written. */
  close(): Promise<void>;
};

type AccessLogOptions = ArchivePlace & {
  readonly logger: Pick<Logger, 'warn'>;
  /** How often what waits is tried again. */
  readonly retryMs?: number;
};

const RETRY_MS = 3_000;
const PRUNE_MS = 60_000;
/** How long an answer is held back for its record: a write takes some milliseconds. */
const PATIENCE_MS = 250;
/** Some hours of a busy installation; then the oldest are in the log alone. */
const WAITING_MAX = 5_000;

export function openAccessLog({ owner, logger, retryMs = RETRY_MS, ...place }: AccessLogOptions): AccessLog {
  const database = openDatabase(place, ACCESS_TABLES);
  const queue = new Queue(database, owner, logger);
  const timer = setInterval(() => void queue.flush(), retryMs).unref();
  return {
    note: (record) => queue.note(record),
    find: async (question) => {
      await queue.flush();
      const rows = await database.ask(...findAccess(owner, question));
      return { records: rows.slice(0, question.limit).map(accessIn), isMore: rows.length > question.limit };
    },
    close: async () => {
      clearInterval(timer);
      await queue.flush();
      await database.close();
    },
  };
}

/** Records on their way to the archive. */
class Queue {
  readonly #database: Database;
  readonly #owner: string;
  readonly #logger: Pick<Logger, 'warn'>;
  /** Not tried yet. */
  #fresh: AccessRecord[] = [];
  /** Tried in vain, and in the log. */
  #waiting: AccessRecord[] = [];
  #writing: Promise<void> | null = null;
  #isAway = false;
  #prunedAtMs = 0;

  constructor(database: Database, owner: string, logger: Pick<Logger, 'warn'>) {
    this.#database = database;
    this.#owner = owner;
    this.#logger = logger;
  }

  async note(record: AccessRecord): Promise<void> {
    if (this.#fresh.length >= WAITING_MAX) {
      this.#log(record);
      return;
    }
    this.#fresh.push(record);
    const written = this.flush();
    if (!this.#isAway) await Promise.race([written, pause(PATIENCE_MS, undefined, { ref: false })]);
  }

  /** Writes what there is, and what comes meanwhile; never rejects. */
  flush(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    do {
      const fresh = this.#fresh;
      const batch = [...this.#waiting, ...fresh];
      this.#fresh = [];
      if (batch.length === 0) return;
      try {
        await this.#write(batch);
        this.#waiting = [];
        this.#isAway = false;
      } catch (error) {
        this.#waiting = batch.slice(-WAITING_MAX);
        this.#isAway = true;
        for (const record of fresh) this.#log(record, error);
        return;
      }
    } while (this.#fresh.length > 0);
    // What is old can stay for longer; what was written is written.
    await this.#prune().catch(() => undefined);
  }

  async #write(records: readonly AccessRecord[]): Promise<void> {
    await this.#database.transaction(async (ask) => {
      for (let at = 0; at < records.length; at += ACCESS_AT_ONCE) {
        const some = records.slice(at, at + ACCESS_AT_ONCE);
        await ask(
          ACCESS_SQL.insert(some.length),
          ...some.flatMap((one) => accessParameters(this.#owner, one)),
        );
      }
    });
  }

  async #prune(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - this.#prunedAtMs < PRUNE_MS) return;
    this.#prunedAtMs = nowMs;
    await this.#database.transaction(async (ask) => {
      await ask(ACCESS_SQL.prune, this.#owner, this.#owner, nowMs - ACCESS_KEPT_MS);
      await ask(ACCESS_SQL.pruneStrangers, this.#owner, this.#owner, nowMs - STRANGERS_KEPT_MS);
    });
  }

  #log(record: AccessRecord, error?: unknown): void {
    const why = error instanceof Error ? error.message : 'too many wait for it';
    this.#logger.warn({ access: record, why }, 'cannot write to the access log; this is the record');
  }
}
