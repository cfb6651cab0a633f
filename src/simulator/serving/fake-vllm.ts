import { bareProxy } from './bare-proxy.ts';
import { Engine } from './engine.ts';
import { createHttpApi } from './http-api.ts';
import { Listener, type TlsPems } from './listener.ts';
import * as startup from './startup-log.ts';
import { Timeline } from './timeline.ts';

/** The faults that a model server can have of itself; `afterMs` counts from when it begins to serve. */
export type VllmFault = {
  readonly fault:
    | 'exits'
    | 'model-gated'
    | 'bad-flag'
    | 'vllm-never-ready'
    | 'vllm-dies'
    | 'vllm-flaps'
    | 'health-only'
    | 'vllm-uncounted';
  readonly afterMs: number;
};

export type FakeVllmOptions = {
  readonly host: string;
  /** Port to listen on, 0 for any; null runs the server with no port open to the outside. */
  readonly port: number | null;
  readonly model: string;
  readonly servedModelNames?: readonly string[];
  /** None means that everybody may call. */
  readonly apiKeys?: readonly string[];
  readonly maxModelLen?: number | null;
  readonly maxNumSeqs?: number;
  readonly runner?: 'generate' | 'pooling';
  readonly tls?: TlsPems | null;
  /** Until then the port refuses connections. */
  readonly loadMs?: number;
  readonly faults?: readonly VllmFault[];
  readonly seed?: number;
  readonly tokenDelayMs?: number;
  /** Where the log says the server listens, if that is not where it does. */
  readonly announcedUrl?: string;
  readonly pid?: number;
  readonly flags?: Readonly<Record<string, string | true>>;
  readonly hasHubToken?: boolean;
  readonly log?: (line: startup.LogLine) => void;
};

export type FakeVllm = {
  /** The port that is open now; null while none is. */
  port(): number | null;
  /** How often it has answered such a request, as `/metrics` tells it; 0 while no port is open. */
  countOf(labels: { handler: string; method: string; status: string }): number;
  /** True once it first serves, false if it ended before that; pending while neither. */
  readonly ready: Promise<boolean>;
  /** Resolves when the server ends by itself or by `terminate`, never by `stop`. */
  readonly exited: Promise<{ readonly code: number }>;
  /** What SIGTERM does: no new connections, the open requests get a moment, then code 0. */
  terminate(): Promise<void>;
  /** Ends at once, as SIGKILL does. Safe to call twice. */
  stop(): Promise<void>;
};

/** Starts a look-alike of `vllm serve` in this process, with its start-up, its faults and its end. */
export function startFakeVllm(options: FakeVllmOptions): FakeVllm {
  const life = new ServerLife(options);
  life.begin();
  return life;
}

/** How long a dead engine's server goes on answering 500 before it ends; real ones take a second or two. */
const DEATH_GRACE_MS = 400;
const DRAIN_MS = 1_000;
const FLAP_WINDOW_MS = { min: 100, max: 30_000 };

class ServerLife implements FakeVllm {
  readonly ready: Promise<boolean>;
  readonly exited: Promise<{ readonly code: number }>;
  readonly #options: FakeVllmOptions;
  readonly #loadMs: number;
  readonly #subject: startup.LogSubject;
  readonly #listener: Listener;
  readonly #timeline = new Timeline();
  readonly #resolveReady: (isReady: boolean) => void;
  readonly #resolveExited: (end: { readonly code: number }) => void;
  #isEnded = false;
  #engine: Engine;

  constructor(options: FakeVllmOptions) {
    this.#options = options;
    this.#loadMs = options.loadMs ?? 0;
    ({ promise: this.ready, resolve: this.#resolveReady } = Promise.withResolvers<boolean>());
    ({ promise: this.exited, resolve: this.#resolveExited } = Promise.withResolvers<{ code: number }>());
    this.#listener = new Listener({ host: options.host, port: options.port, tls: options.tls ?? null });
    this.#engine = this.#newEngine();
    const { served } = this.#engine;
    this.#subject = {
      model: options.model,
      servedModelName: served.names[0] ?? options.model,
      maxModelLen: served.maxModelLen,
      url: options.announcedUrl ?? `${options.tls ? 'https' : 'http'}://0.0.0.0:${options.port ?? 8000}`,
      pid: options.pid ?? 1,
      flags: options.flags ?? {},
      loadMs: this.#loadMs,
    };
  }

  begin(): void {
    if (this.#has('exits')) this.#timeline.at(this.#loadMs + this.#afterMs('exits'), () => this.#end(0));
    if (this.#has('bad-flag')) {
      this.#refuseFlag();
      return;
    }
    if (this.#has('health-only')) {
      this.#serveHealthOnly();
      return;
    }
    this.#play(startup.openingStages(this.#subject));
    if (this.#has('model-gated')) {
      this.#failGated();
      return;
    }
    if (this.#has('vllm-never-ready')) return;
    this.#play(startup.loadingStages(this.#subject));
    this.#timeline.at(this.#loadMs, () => this.#serve());
  }

  port(): number | null {
    return this.#listener.port();
  }

  countOf(labels: { handler: string; method: string; status: string }): number {
    return this.#listener.port() === null ? 0 : this.#engine.metrics.countOf(labels);
  }

  async terminate(): Promise<void> {
    if (this.#isEnded) return;
    this.#timeline.clear();
    const wasOpen = this.#listener.port() !== null;
    await this.#listener.close(DRAIN_MS);
    if (wasOpen) this.#write(startup.shutdownLines(this.#subject));
    await this.#end(0);
  }

  async stop(): Promise<void> {
    this.#isEnded = true;
    this.#timeline.clear();
    this.#resolveReady(false);
    // The engine is not told: a killed process resets its connections and answers none of them.
    await this.#listener.close(0);
  }

  async #end(code: number): Promise<void> {
    if (this.#isEnded) return;
    await this.stop();
    this.#resolveExited({ code });
  }

  #refuseFlag(): void {
    const flag = Object.keys(this.#options.flags ?? {}).at(-1) ?? 'enable-turbo';
    const lines = [
      'usage: vllm [-h] [-v] {chat,complete,serve,bench,collect-env,run-batch} ...',
      `vllm: error: unrecognized arguments: --${flag}`,
    ];
    this.#write(lines.map((text) => ({ text, stream: 'stderr' })));
    this.#timeline.at(0, () => this.#end(2));
  }

  #failGated(): void {
    // The configuration is the first thing fetched, long before any weights.
    this.#timeline.clearAfter(this.#loadMs * 0.05);
    this.#timeline.at(this.#loadMs * 0.05, () => {
      this.#write(startup.gatedModelLines(this.#subject, this.#options.hasHubToken ?? false));
      return this.#end(1);
    });
  }

  /** A reverse proxy answers for a server that never comes up. */
  #serveHealthOnly(): void {
    this.#play(startup.openingStages(this.#subject));
    this.#timeline.at(0, async () => {
      await this.#open(() => this.#listener.open(bareProxy));
    });
  }

  async #serve(): Promise<void> {
    const isOpen = await this.#open(() => this.#openApi());
    if (!isOpen) return;
    this.#resolveReady(true);
    if (this.#has('vllm-dies')) this.#timeline.in(this.#afterMs('vllm-dies'), () => this.#die());
    if (this.#has('vllm-flaps')) this.#timeline.in(this.#afterMs('vllm-flaps'), () => this.#flapDown());
  }

  async #openApi(): Promise<void> {
    const api = createHttpApi({
      engine: this.#engine,
      createdS: Math.floor(Date.now() / 1000),
      onAnswered: (request, status) => {
        const client = `${request.socket.remoteAddress ?? '127.0.0.1'}:${request.socket.remotePort ?? 0}`;
        const asked = `${request.method} ${request.url} HTTP/${request.httpVersion}`;
        this.#write([startup.accessLine(this.#subject, asked, client, status)]);
      },
    });
    await this.#listener.open(api);
    this.#write([startup.startedLine(this.#subject)]);
  }

  /** False when the port could not be had, which ends the server as it ends a real one. */
  async #open(open: () => Promise<void>): Promise<boolean> {
    try {
      await open();
      return !this.#isEnded;
    } catch (error) {
      this.#write(
        startup.tracebackLines(this.#subject, `OSError: ${error instanceof Error ? error.message : error}`),
      );
      await this.#end(1);
      return false;
    }
  }

  #die(): void {
    this.#write(startup.engineDeathLines(this.#subject));
    this.#engine.die();
    this.#timeline.in(DEATH_GRACE_MS, async () => {
      await this.#listener.close(0);
      this.#write(startup.shutdownLines(this.#subject));
      // vLLM ends with code 0 even though its engine died (vllm-project/vllm issue 48966).
      await this.#end(0);
    });
  }

  /** Dead for a while and back again as a new process would be: counters start from zero. */
  async #flapDown(): Promise<void> {
    this.#write(startup.engineDeathLines(this.#subject));
    this.#engine.die();
    await this.#listener.close(0);
    this.#timeline.in(this.#flapWindowMs(), () => this.#flapUp());
  }

  async #flapUp(): Promise<void> {
    this.#engine = this.#newEngine();
    if (await this.#open(() => this.#openApi()))
      this.#timeline.in(this.#flapWindowMs(), () => this.#flapDown());
  }

  #flapWindowMs(): number {
    return Math.min(Math.max(this.#afterMs('vllm-flaps') / 2, FLAP_WINDOW_MS.min), FLAP_WINDOW_MS.max);
  }

  #newEngine(): Engine {
    const { model, servedModelNames = [], flags = {} } = this.#options;
    return new Engine({
      model,
      names: servedModelNames.length > 0 ? servedModelNames : [model],
      maxModelLen: this.#options.maxModelLen ?? 32_768,
      maxNumSeqs: this.#options.maxNumSeqs ?? 256,
      runner: this.#options.runner ?? 'generate',
      apiKeys: this.#options.apiKeys ?? [],
      choosesTools: 'enable-auto-tool-choice' in flags && 'tool-call-parser' in flags,
      tracksLoad: flags['enable-server-load-tracking'] === true,
      countsRoutes: !this.#has('vllm-uncounted'),
      seed: this.#options.seed ?? 1,
      tokenDelayMs: this.#options.tokenDelayMs ?? 2,
    });
  }

  #play(stages: readonly startup.LogStage[]): void {
    for (const stage of stages) this.#timeline.at(this.#loadMs * stage.at, () => this.#write(stage.lines));
  }

  #write(lines: readonly startup.LogLine[]): void {
    for (const line of lines) this.#options.log?.(line);
  }

  #has(fault: VllmFault['fault']): boolean {
    return this.#options.faults?.some((one) => one.fault === fault) ?? false;
  }

  #afterMs(fault: VllmFault['fault']): number {
    return this.#options.faults?.find((one) => one.fault === fault)?.afterMs ?? 0;
  }
}
