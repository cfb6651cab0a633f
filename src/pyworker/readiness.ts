import type { KeyObject } from 'node:crypto';
import type { Logger } from 'pino';
import { runBenchmark } from './benchmark.ts';
import type { ResolvedConfig } from './config.ts';
import { tailLog } from './log-tail.ts';
import { awaitHealthy, watchHealth } from './model-health.ts';
import { fetchPublicKey } from './public-key.ts';
import type { Standing } from './reports.ts';
import type { Payload } from './types.ts';

export type State = 'loading' | 'benchmarking' | 'ready' | 'errored' | 'draining';

export type ReadinessDeps = {
  readonly config: ResolvedConfig;
  readonly send: (route: string, payload: Payload) => Promise<number>;
  /** Ready, or an error that came or went: the engine shall hear of it at once. */
  readonly onTurn: () => void;
  readonly logger: Logger;
};

/** What is wrong, by who found it; the first of them is told. */
type Trouble = 'server' | 'log' | 'benchmark' | 'health' | 'key';
const ORDER: readonly Trouble[] = ['server', 'log', 'benchmark', 'health', 'key'];
const KEY_WAIT_MS = 60_000;

/**
 * From the start to ready, and what goes wrong then.
 *
 * 1. A load line of the model's log (without a log, the start itself) begins: benchmark, health, key, ready.
 * 2. An error line counts at any time, and for good: only the model's end mends what it has logged as fatal.
 * 3. What the health check or the fetch of the key found wrong is over when they find it well.
 */
export class Readiness {
  readonly #deps: ReadinessDeps;
  readonly #startedMs = performance.now();
  readonly #ending = new AbortController();
  readonly #troubles = new Map<Trouble, string>();
  #key: KeyObject | null = null;
  #keyFetch: Promise<unknown> = Promise.resolve();
  #loading: Promise<void> | null = null;
  #isBenchmarking = false;
  #isWatching = false;
  #isDraining = false;
  #loadSeconds = 0;
  #maxPerf = 0;

  constructor(deps: ReadinessDeps) {
    this.#deps = deps;
  }

  begin(): void {
    const { config, logger } = this.#deps;
    const { signal } = this.#ending;
    if (!config.isUnsecured) {
      this.#keyFetch = fetchPublicKey({
        addresses: config.reportAddresses,
        signal,
        onTrouble: (why) => this.#set('key', why),
      }).then((key) => {
        this.#key = key;
      });
    }
    if (!config.isBenchmarkGiven)
      logger.warn(
        { loadPerSecond: config.benchmark.kind === 'fixed' ? config.benchmark.loadPerSecond : null },
        'no handler has a benchmark: the engine is told a figure that nobody measured',
      );
    if (config.modelLogFile === null) this.#loaded();
    else void tailLog({ file: config.modelLogFile, onLine: (line) => this.#read(line), signal });
  }

  get key(): KeyObject | null {
    return this.#key;
  }

  get maxPerf(): number {
    return this.#maxPerf;
  }

  get standing(): Standing {
    const [first] = ORDER.flatMap((trouble) => this.#troubles.get(trouble) ?? []);
    return { loadSeconds: this.#loadSeconds, maxPerf: this.#maxPerf, errorMessage: first ?? '' };
  }

  get state(): State {
    if (this.#isDraining) return 'draining';
    if (this.#troubles.size > 0) return 'errored';
    if (this.#loadSeconds > 0) return 'ready';
    return this.#isBenchmarking ? 'benchmarking' : 'loading';
  }

  /** The server itself cannot do its work. */
  fail(why: string): void {
    this.#set('server', why);
  }

  drain(): void {
    this.#isDraining = true;
  }

  close(): void {
    this.#ending.abort();
  }

  /** One line of the model's log. */
  #read(line: string): void {
    const { onLoad, onError, onInfo } = this.#deps.config.logActionConfig;
    const isIn = (part: string) => line.includes(part);
    if (onLoad.some(isIn)) this.#loaded();
    const error = onError.find(isIn);
    if (error !== undefined) this.#set('log', error);
    else if (onInfo.some(isIn)) this.#deps.logger.info({ line }, 'the model says');
  }

  #loaded(): void {
    this.#loading ??= this.#becomeReady().finally(() => {
      this.#loading = null;
    });
  }

  async #becomeReady(): Promise<void> {
    const { config, send, logger } = this.#deps;
    const { signal } = this.#ending;
    const { modelHealthUrl } = config;
    if (config.modelLogFile === null && modelHealthUrl !== null) await this.#checkHealth(modelHealthUrl);
    this.#isBenchmarking = true;
    const maxPerf = await runBenchmark({
      benchmark: config.benchmark,
      file: config.benchmarkFile,
      send,
      onRound: (loadPerSecond) => logger.info({ loadPerSecond }, 'a round of the benchmark'),
    }).catch((error: unknown) => {
      this.#set('benchmark', error instanceof Error ? error.message : String(error));
      return 0;
    });
    this.#isBenchmarking = false;
    if (modelHealthUrl !== null) await this.#checkHealth(modelHealthUrl);
    if (!config.isUnsecured) await this.#awaitKey();
    if (signal.aborted) return;
    this.#maxPerf = maxPerf;
    this.#loadSeconds = (performance.now() - this.#startedMs) / 1_000;
    logger.info({ loadSeconds: this.#loadSeconds, maxPerf }, 'ready');
    this.#deps.onTurn();
    if (modelHealthUrl !== null && !this.#isWatching) {
      this.#isWatching = true;
      void watchHealth(modelHealthUrl, signal, (trouble) => this.#set('health', trouble));
    }
  }

  async #checkHealth(url: string): Promise<void> {
    try {
      await awaitHealthy(url, this.#ending.signal);
    } catch (error) {
      this.#set('health', error instanceof Error ? error.message : String(error));
    }
  }

  /** For a while: a worker without a key refuses every request, which the engine learns by its error. */
  async #awaitKey(): Promise<void> {
    const patience = AbortSignal.timeout(KEY_WAIT_MS);
    await Promise.race([
      this.#keyFetch,
      new Promise((resolve) => patience.addEventListener('abort', resolve, { once: true })),
    ]);
  }

  #set(trouble: Trouble, why: string | null): void {
    if ((this.#troubles.get(trouble) ?? null) === why) return;
    if (why === null) this.#troubles.delete(trouble);
    else this.#troubles.set(trouble, why);
    if (why === null) this.#deps.logger.info({ trouble }, 'well again');
    else this.#deps.logger.error({ trouble, why }, 'errored');
    this.#deps.onTurn();
  }
}
