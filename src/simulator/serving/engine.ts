import { setTimeout as delay } from 'node:timers/promises';
import { VllmMetrics } from './vllm-metrics.ts';

/** What the server serves, and how. */
export type ServedModel = {
  readonly model: string;
  readonly names: readonly string[];
  readonly maxModelLen: number;
  readonly maxNumSeqs: number;
  readonly runner: 'generate' | 'pooling';
  readonly apiKeys: readonly string[];
  /** Whether it was started with what `tool_choice: "auto"` takes. */
  readonly choosesTools: boolean;
  readonly tracksLoad: boolean;
  /** False in images whose server has no counter of requests per route. */
  readonly countsRoutes: boolean;
  readonly seed: number;
  readonly tokenDelayMs: number;
};

/** What one request makes the engine do: `sequences` hold the tokens of each choice. */
export type Job = {
  readonly promptTokens: number;
  readonly sequences: readonly { readonly tokens: readonly string[]; readonly finish: 'stop' | 'length' }[];
};

export class EngineDeadError extends Error {
  constructor() {
    super('EngineCore encountered an issue. See stack trace (above) for the root cause.');
    this.name = 'EngineDeadError';
  }
}

/** Paces the tokens of all requests, queues what does not fit, and counts. */
export class Engine {
  readonly served: ServedModel;
  readonly metrics: VllmMetrics;
  #isDead = false;
  readonly #inFlight = new Set<AbortController>();
  readonly #queue: (() => void)[] = [];

  constructor(served: ServedModel) {
    this.served = served;
    this.metrics = new VllmMetrics(served.names[0] ?? served.model, served.maxModelLen * KV_CACHE_REQUESTS);
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Requests in flight fail with `EngineDeadError`, and so does every later one. */
  die(): void {
    this.#isDead = true;
    for (const controller of this.#inFlight) controller.abort(new EngineDeadError());
  }

  /**
   * Runs a job to its end. `onStep(n)` is called when the n-th token of every sequence is there.
   * Rejects with `EngineDeadError`, or with the reason of `signal` when the client has gone.
   */
  async run(job: Job, signal: AbortSignal, onStep?: (step: number) => Promise<void> | void): Promise<void> {
    if (this.#isDead) throw new EngineDeadError();
    const controller = new AbortController();
    const abandon = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', abandon, { once: true });
    this.#inFlight.add(controller);
    try {
      signal.throwIfAborted();
      await this.#awaitTurn(controller.signal);
      await this.#runNow(job, controller.signal, onStep);
    } catch (error) {
      // Node reports an aborted delay by an error of its own; what matters is why it was aborted.
      throw controller.signal.aborted ? controller.signal.reason : error;
    } finally {
      signal.removeEventListener('abort', abandon);
      this.#inFlight.delete(controller);
    }
  }

  async #awaitTurn(signal: AbortSignal): Promise<void> {
    if (this.metrics.running < this.served.maxNumSeqs) return;
    this.metrics.waiting += 1;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    this.#queue.push(resolve);
    try {
      await promise;
    } finally {
      this.metrics.waiting -= 1;
      signal.removeEventListener('abort', leave);
      const place = this.#queue.indexOf(resolve);
      if (place >= 0) this.#queue.splice(place, 1);
    }
  }

  async #runNow(
    job: Job,
    signal: AbortSignal,
    onStep?: (step: number) => Promise<void> | void,
  ): Promise<void> {
    const startedMs = performance.now();
    const held = job.promptTokens + job.sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
    this.metrics.running += 1;
    this.metrics.tokensHeld += held;
    this.metrics.promptTokens += job.promptTokens;
    try {
      await this.#takeSteps(job, signal, startedMs, onStep);
      for (const { finish } of job.sequences) this.metrics.countFinished(finish);
      this.metrics.observeWholeRequest((performance.now() - startedMs) / 1000);
    } catch (error) {
      // One that its caller has left is counted nowhere: vLLM has a label for it, and leaves it at 0.
      if (signal.reason instanceof EngineDeadError) this.metrics.countFinished('error');
      throw error;
    } finally {
      this.metrics.running -= 1;
      this.metrics.tokensHeld -= held;
      this.#queue.shift()?.();
    }
  }

  async #takeSteps(
    job: Job,
    signal: AbortSignal,
    startedMs: number,
    onStep?: (step: number) => Promise<void> | void,
  ): Promise<void> {
    const steps = Math.max(...job.sequences.map(({ tokens }) => tokens.length));
    for (let step = 0; step < steps; step += 1) {
      await this.#pause(step, signal);
      if (step === 0) this.#observeFirstTokens(job, (performance.now() - startedMs) / 1000);
      this.metrics.generationTokens += job.sequences.filter(({ tokens }) => step < tokens.length).length;
      await onStep?.(step);
    }
  }

  /** Each choice of a request is one of the engine's own. */
  #observeFirstTokens({ sequences }: Job, seconds: number): void {
    for (const _sequence of sequences) this.metrics.observeFirstToken(seconds);
  }

  /** Without a delay it still yields now and then: a request for 100,000 tokens must not stop the others. */
  async #pause(step: number, signal: AbortSignal): Promise<void> {
    if (this.served.tokenDelayMs > 0) await delay(this.served.tokenDelayMs, undefined, { signal });
    else if (step % 64 === 63) await delay(0, undefined, { signal });
    signal.throwIfAborted();
  }
}

/** How many requests of full length the cache holds, as a well-sized card would. */
const KV_CACHE_REQUESTS = 8;
