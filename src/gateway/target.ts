import type { Dispatcher } from 'undici';
import { Breaker, type BreakerRules, type BreakerState, type Ticket } from './breaker.ts';
import type { Dialect } from './dialect.ts';

/** What the gateway passes on, each a path below `/v1`. */
export const ROUTES = ['chat/completions', 'completions', 'embeddings', 'responses'] as const;
export type Route = (typeof ROUTES)[number];

/** How long the gateway waits for a target, each for its own step. */
export type Deadlines = {
  readonly connectMs: number;
  /** Until the first event of a stream. */
  readonly firstEventMs: number;
  /** Until an answer that is not streamed begins; it comes whole, so generation is in it. */
  readonly headersMs: number;
  readonly betweenChunksMs: number;
};

export type TargetOptions = {
  readonly id: string;
  readonly provider: string;
  readonly session: string | null;
  readonly dispatcher: Dispatcher;
  /** `scheme://host:port`. */
  readonly origin: string;
  /** What stands before the route: `/v1`. */
  readonly basePath: string;
  /** Names and values in turn; the target's own key among them. */
  readonly headers: readonly string[];
  readonly deadlines: Deadlines;
  readonly breaker: BreakerRules;
  readonly dialect?: Dialect | null;
  /** Redirects of a target that is starting, which are followed within its deadline. */
  readonly redirectsMax?: number;
  /** See `vllm-streams.ts`. */
  readonly isVllm?: boolean;
};

const LATENCIES_KEPT = 200;

/** One place that answers requests: an instance of a session, or a provider's endpoint. */
export class Target {
  readonly id: string;
  readonly provider: string;
  readonly session: string | null;
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  readonly basePath: string;
  readonly headers: readonly string[];
  readonly deadlines: Deadlines;
  readonly dialect: Dialect | null;
  readonly redirectsMax: number;
  readonly isVllm: boolean;
  readonly breaker: Breaker;
  /** Requests under way. */
  inFlight = 0;
  requests = 0;
  lastError: { readonly atMs: number; readonly kind: string; readonly message: string } | null = null;
  readonly #firstBytesMs: number[] = [];
  #next = 0;

  constructor(options: TargetOptions) {
    this.id = options.id;
    this.provider = options.provider;
    this.session = options.session;
    this.dispatcher = options.dispatcher;
    this.origin = options.origin;
    this.basePath = options.basePath;
    this.headers = options.headers;
    this.deadlines = options.deadlines;
    this.dialect = options.dialect ?? null;
    this.redirectsMax = options.redirectsMax ?? 0;
    this.isVllm = options.isVllm ?? false;
    this.breaker = new Breaker(options.breaker);
  }

  /** Counts a request in until `end`. */
  begin(): Ticket {
    this.inFlight += 1;
    this.requests += 1;
    return this.breaker.begin();
  }

  end(): void {
    this.inFlight -= 1;
  }

  noteFirstByte(ms: number): void {
    this.#firstBytesMs[this.#next] = ms;
    this.#next = (this.#next + 1) % LATENCIES_KEPT;
  }

  noteError(kind: string, message: string, atMs: number): void {
    this.lastError = { atMs, kind, message: message.slice(0, 300) };
  }

  /** Time to the first byte of the newest answers. */
  latencies(): readonly number[] {
    return this.#firstBytesMs;
  }

  state(nowMs: number): BreakerState {
    return this.breaker.state(nowMs);
  }
}

/** A target with the name by which it knows the model that was asked for; null: the body's own goes as it is. */
export type Candidate = { readonly target: Target; readonly model: string };
