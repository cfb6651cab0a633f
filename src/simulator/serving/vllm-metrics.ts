import { family, Histogram, type Labels } from './prometheus-text.ts';

export type FinishedReason = 'stop' | 'length' | 'abort' | 'error';

/** The metrics of one server process; a restarted process begins again from zero. */
export class VllmMetrics {
  running = 0;
  waiting = 0;
  /** Tokens of the requests that run now; of `kvCacheTokens` they make the usage. */
  tokensHeld = 0;
  promptTokens = 0;
  generationTokens = 0;
  readonly #modelName: string;
  readonly #kvCacheTokens: number;
  readonly #startedS = Date.now() / 1000;
  readonly #finished: Record<FinishedReason, number> = { stop: 0, length: 0, abort: 0, error: 0 };
  readonly #requests = new Map<string, { labels: Labels; count: number }>();
  readonly #firstToken = new Histogram(
    'vllm:time_to_first_token_seconds',
    'Histogram of time to first token in seconds.',
    FIRST_TOKEN_BOUNDS_S,
  );
  readonly #wholeRequest = new Histogram(
    'vllm:e2e_request_latency_seconds',
    'Histogram of e2e request latency in seconds.',
    WHOLE_REQUEST_BOUNDS_S,
  );

  constructor(modelName: string, kvCacheTokens: number) {
    this.#modelName = modelName;
    this.#kvCacheTokens = kvCacheTokens;
  }

  countFinished(reason: FinishedReason): void {
    this.#finished[reason] += 1;
  }

  observeFirstToken(seconds: number): void {
    this.#firstToken.observe(seconds);
  }

  observeWholeRequest(seconds: number): void {
    this.#wholeRequest.observe(seconds);
  }

  /** One answered HTTP request. The routes that watchers ask all day are left out, as vLLM leaves them out. */
  countHttp(request: { handler: string; method: string; status: number }): void {
    if (UNCOUNTED_ROUTES.has(request.handler)) return;
    const labels = {
      handler: request.handler,
      method: request.method,
      status: `${Math.floor(request.status / 100)}xx`,
    };
    const key = Object.values(labels).join(' ');
    const entry = this.#requests.get(key) ?? { labels, count: 0 };
    entry.count += 1;
    this.#requests.set(key, entry);
  }

  /** How often such a request was answered. */
  countOf(labels: { handler: string; method: string; status: string }): number {
    return this.#requests.get(Object.values(labels).join(' '))?.count ?? 0;
  }

  /** The body of `GET /metrics`. */
  text(): string {
    const labels = { engine: '0', model_name: this.#modelName };
    const one = (value: number): readonly (readonly [Labels, number])[] => [[labels, value]];
    const createdS = this.#startedS;
    return [
      family({
        name: 'python_info',
        type: 'gauge',
        help: 'Python platform information',
        samples: [[PYTHON, 1]],
      }),
      ...this.#processFamilies(),
      family({
        name: 'vllm:num_requests_running',
        type: 'gauge',
        help: 'Number of requests in model execution batches.',
        samples: one(this.running),
      }),
      family({
        name: 'vllm:num_requests_waiting',
        type: 'gauge',
        help: 'Number of requests waiting to be processed.',
        samples: one(this.waiting),
      }),
      family({
        name: 'vllm:kv_cache_usage_perc',
        type: 'gauge',
        help: 'KV-cache usage. 1 means 100 percent usage.',
        samples: one(Math.min(1, this.tokensHeld / this.#kvCacheTokens)),
      }),
      family({
        name: 'vllm:num_preemptions',
        type: 'counter',
        help: 'Cumulative number of preemption from the engine.',
        samples: one(0),
        createdS,
      }),
      family({
        name: 'vllm:prompt_tokens',
        type: 'counter',
        help: 'Number of prefill tokens processed.',
        samples: one(this.promptTokens),
        createdS,
      }),
      family({
        name: 'vllm:generation_tokens',
        type: 'counter',
        help: 'Number of generation tokens processed.',
        samples: one(this.generationTokens),
        createdS,
      }),
      family({
        name: 'vllm:request_success',
        type: 'counter',
        help: 'Count of successfully processed requests.',
        samples: Object.entries(this.#finished).map(
          ([reason, count]) => [{ ...labels, finished_reason: reason }, count] as const,
        ),
        createdS,
      }),
      this.#firstToken.text(labels, createdS),
      this.#wholeRequest.text(labels, createdS),
      family({
        name: 'http_requests',
        type: 'counter',
        help: 'Total number of requests by method, status and handler.',
        samples: [...this.#requests.values()].map((entry) => [entry.labels, entry.count] as const),
        createdS,
      }),
    ].join('');
  }

  #processFamilies(): string[] {
    return [
      family({
        name: 'process_resident_memory_bytes',
        type: 'gauge',
        help: 'Resident memory size in bytes.',
        samples: [[{}, 1_493_172_224]],
      }),
      family({
        name: 'process_start_time_seconds',
        type: 'gauge',
        help: 'Start time of the process since unix epoch in seconds.',
        samples: [[{}, Math.round(this.#startedS * 100) / 100]],
      }),
      family({
        name: 'process_cpu_seconds',
        type: 'counter',
        help: 'Total user and system CPU time spent in seconds.',
        samples: [[{}, Math.round((Date.now() / 1000 - this.#startedS) * 10) / 100]],
      }),
      family({
        name: 'process_open_fds',
        type: 'gauge',
        help: 'Number of open file descriptors.',
        samples: [[{}, 58]],
      }),
    ];
  }
}

const UNCOUNTED_ROUTES = new Set(['/health', '/ping', '/metrics', '/version', '/load', '/server_info']);
const PYTHON = { implementation: 'CPython', major: '3', minor: '12', patchlevel: '12', version: '3.12.12' };

const FIRST_TOKEN_BOUNDS_S = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
  2560,
];
const WHOLE_REQUEST_BOUNDS_S = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];
