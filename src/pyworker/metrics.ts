import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What GET /metrics tells at the moment it is asked. */
export type Gauges = {
  readonly curLoad: number;
  readonly requests: number;
  readonly waiting: number;
  readonly sessions: number;
  readonly maxPerf: number;
  readonly isReady: boolean;
};

/** Nothing at Vast.ai reads these: they are for whoever watches a worker with Prometheus. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #answered: Counter<'route' | 'status'>;
  readonly #seconds: Histogram<'route'>;

  constructor(gauges: () => Gauges) {
    const registers = [this.#registry];
    this.#answered = new Counter({
      name: 'vast_worker_requests_total',
      help: 'Requests answered, by route and status; 499: the caller left',
      labelNames: ['route', 'status'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'vast_worker_request_duration_seconds',
      help: 'From a request to the end of its answer',
      labelNames: ['route'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300],
      registers,
    });
    for (const [name, help, read] of GAUGES) {
      new Gauge({
        name: `vast_worker_${name}`,
        help,
        registers,
        collect() {
          this.set(read(gauges()));
        },
      });
    }
  }

  note(route: string, status: number, seconds: number): void {
    this.#answered.inc({ route, status });
    this.#seconds.observe({ route }, seconds);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}

const GAUGES: readonly (readonly [string, string, (of: Gauges) => number])[] = [
  ['load', 'Workload in hand, sessions included', ({ curLoad }) => curLoad],
  ['requests_in_hand', 'Requests that wait or are at the model', ({ requests }) => requests],
  ['requests_waiting', 'Requests that wait for a turn', ({ waiting }) => waiting],
  ['sessions', 'Sessions that are open', ({ sessions }) => sessions],
  ['load_per_second', 'What the benchmark found', ({ maxPerf }) => maxPerf],
  ['ready', '1 once the model is loaded and nothing is wrong', ({ isReady }) => (isReady ? 1 : 0)],
];
