import type { AddressInfo } from 'node:net';
import { type Logger, pino } from 'pino';
import { type ResolvedConfig, resolveConfig } from './config.ts';
import type { Environment } from './environment.ts';
import { answerState, Front } from './front.ts';
import { Load } from './load.ts';
import { Metrics } from './metrics.ts';
import { jsonBody, Model, modelBody } from './model.ts';
import { Readiness } from './readiness.ts';
import { Reception } from './reception.ts';
import { Reporter } from './reports.ts';
import { Retirement } from './retirement.ts';
import type { WorkerConfig } from './schema.ts';
import { sessionRoutes } from './session-routes.ts';
import { Sessions } from './sessions.ts';
import { SignatureCheck } from './signature.ts';
import type { Payload } from './types.ts';
import { update } from './update.ts';

/** A model that takes longer for one request of its benchmark is not one to wait for. */
const BENCHMARK_REQUEST_MS = 600_000;
/** The last words to the engine take no longer. */
const LAST_WORDS_MS = 5_000;

/**
 * A worker of Vast Serverless before a model server.
 *
 * Throws a `ConfigurationError` that names everything that is wrong with the configuration or the environment.
 */
export function createVastWorker(config: WorkerConfig, environment: Environment = process.env): VastWorker {
  return new VastWorker(resolveConfig(config, environment));
}

/** Composed of its parts, and run once: the start, the requests, and the end when it is told to. */
export class VastWorker {
  readonly config: ResolvedConfig;
  readonly #logger: Logger;
  readonly #load: Load;
  readonly #model: Model;
  readonly #readiness: Readiness;
  readonly #sessions: Sessions;
  readonly #front: Front;
  readonly #reporter: Reporter;
  readonly #retirement: Retirement;
  readonly #stopped = Promise.withResolvers<void>();
  #stopping: Promise<void> | null = null;
  #address: AddressInfo | null = null;

  constructor(config: ResolvedConfig) {
    this.config = config;
    this.#logger = pino({ level: config.logLevel, base: { worker: config.containerId } });
    const logger = this.#logger;
    this.#retirement = new Retirement({ config, logger });
    this.#load = new Load({
      onChange: () => this.#reporter.note(),
      onRetired: (retired) => this.#retirement.add(retired),
    });
    const load = this.#load;
    this.#model = new Model(config);
    const model = this.#model;
    this.#readiness = new Readiness({
      config,
      send: (route, payload) => this.#ask(route, payload),
      onTurn: () => this.#reporter.tellNow(),
      logger,
    });
    const readiness = this.#readiness;
    this.#reporter = new Reporter({ config, load, standing: () => readiness.standing, logger });
    this.#sessions = new Sessions({ max: config.maxSessions, load, model, logger });
    const sessions = this.#sessions;
    const signatures = new SignatureCheck(() => readiness.key);
    const reception = new Reception({
      ...{ config, load, model, sessions, signatures, logger },
      maxPerf: () => readiness.maxPerf,
    });
    const metrics = new Metrics(() => ({
      ...{ curLoad: load.told.curLoad, requests: load.requests, waiting: reception.queue.length },
      ...{ sessions: sessions.size, maxPerf: readiness.maxPerf, isReady: readiness.state === 'ready' },
    }));
    this.#front = new Front({
      ...{ config, reception, metrics, logger },
      ownPosts: new Map([
        ...sessionRoutes({ sessions, reception, load }),
        ['/pyworker/update', (request, response) => update(config, request, response)],
      ]),
      ownGets: new Map([
        [
          '/health',
          async (_request, response) => {
            const state = this.health;
            answerState(response, state.ready ? 200 : 503, state);
          },
        ],
        [
          '/metrics',
          async (_request, response) => {
            const text = await metrics.text();
            response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
          },
        ],
      ]),
    });
  }

  /** Where it listens; null until it does. */
  get address(): AddressInfo | null {
    return this.#address;
  }

  /** What GET /health tells. */
  get health() {
    const { state, standing } = this.#readiness;
    const { curLoad, working, received } = this.#load.told;
    return {
      state,
      ready: state === 'ready',
      error: standing.errorMessage === '' ? null : standing.errorMessage,
      load_seconds: standing.loadSeconds,
      max_perf: standing.maxPerf,
      metrics: {
        cur_load: curLoad,
        num_requests_working: working,
        num_requests_received: received,
        sessions: this.#sessions.size,
      },
    };
  }

  /** Serves until `stop` is called or the process is told to end; resolves when all is drained and said. */
  async run(): Promise<void> {
    const stop = () => void this.stop();
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    try {
      await this.#start();
      await this.#stopped.promise;
    } finally {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
    }
  }

  /** Takes no more requests, lets those in hand finish within `drainTimeout`, and tells the engine the last. */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain().then(
      () => this.#stopped.resolve(),
      (error: unknown) => this.#stopped.reject(error),
    );
    return this.#stopping;
  }

  /** A worker that cannot listen stays, and says so: the engine is told, and replaces it. */
  async #start(): Promise<void> {
    try {
      this.#address = await this.#front.listen();
      const { address, port } = this.#address;
      this.#logger.info({ address, port, publicUrl: this.config.publicUrl }, 'listening');
      this.#readiness.begin();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#readiness.fail(`Worker Server failed to launch: ${why}`);
    }
  }

  async #drain(): Promise<void> {
    this.#logger.info({ requests: this.#load.requests }, 'stopping');
    this.#readiness.drain();
    await this.#front.close(this.config.drainTimeout * 1_000);
    await this.#sessions.closeAll();
    this.#readiness.close();
    const lastWords = AbortSignal.timeout(LAST_WORDS_MS);
    await Promise.all([this.#reporter.close(lastWords), this.#retirement.close(lastWords)]);
    await this.#model.close();
  }

  /** One request past the engine, for the benchmark. */
  async #ask(route: string, payload: Payload): Promise<number> {
    const form = this.config.handlers.find((handler) => handler.route === route)?.multipart;
    const body = form === undefined ? jsonBody(payload) : await modelBody(payload, { bytes: null, form });
    return this.#model.ask(route, body, BENCHMARK_REQUEST_MS);
  }
}
