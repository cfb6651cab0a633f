import type { Logger } from 'pino';
import type { Archive } from '../archive/archive.ts';
import { SAMPLES_KEPT_MS, type SessionSample } from '../domain/session-sample.ts';

const FLUSH_MS = 3_000;
const PRUNE_MS = 60_000;
/** Minutes of a thousand sessions, for an archive that is away; then the oldest give way. */
const WAITING_MAX = 5_000;

/**
 * Samples on their way to the archive, for all supervision of a process: together, a batch every few seconds.
 * They are for charts: a look never waits for them, and an archive that fails costs samples and nothing else.
 */
export class SampleLog {
  readonly #archive: Pick<Archive, 'writeSamples' | 'pruneSamples'>;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  #waiting: SessionSample[] = [];
  #writing: Promise<void> | null = null;
  #prunedAtMs = 0;
  #isFailing = false;

  constructor(
    archive: Pick<Archive, 'writeSamples' | 'pruneSamples'>,
    logger: Logger,
    { flushMs = FLUSH_MS }: { readonly flushMs?: number } = {},
  ) {
    this.#archive = archive;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.flush(), flushMs).unref();
  }

  note(sample: SessionSample): void {
    this.#waiting.push(sample);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
  }

  /** Writes what waits; never rejects. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  /** Writes the last of them. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.flush();
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    try {
      await this.#archive.writeSamples(batch);
      this.#isFailing = false;
      await this.#prune();
    } catch (error) {
      this.#waiting = [...batch, ...this.#waiting].slice(-WAITING_MAX);
      this.#noteFailure(error);
    }
  }

  async #prune(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - this.#prunedAtMs < PRUNE_MS) return;
    this.#prunedAtMs = nowMs;
    await this.#archive.pruneSamples({ beforeMs: nowMs - SAMPLES_KEPT_MS });
  }

  #noteFailure(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    if (!this.#isFailing) this.#logger.warn({ why }, 'cannot write samples; their charts will have a gap');
    this.#isFailing = true;
  }
}
