import {
  Counter,
  Histogram,
  type MetricObjectWithValues,
  type MetricValueWithName,
  type Registry,
} from 'prom-client';
import type { AnsweredRequest } from '../domain/gateway-usage.ts';

/** What was counted of one provider since the start. */
type Counts = {
  readonly requests: Map<number, number>;
  retried: number;
  promptTokens: number;
  completionTokens: number;
  usd: number;
  readonly seconds: Bins;
  readonly firstByte: Bins;
};

/** A provider's name is configured, but nobody's mistake is to make metrics grow for ever. */
const PROVIDERS_MAX = 100;

/** From a cached answer to a long generation. */
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/**
 * Metrics of requests through the gateway.
 *
 * Counted in plain numbers and told when scraped: finding a metric by its labels costs a microsecond each time,
 * and there would be seven of them for each request.
 */
export class GatewayMetrics {
  readonly #byProvider = new Map<string, Counts>();

  constructor(registry: Registry) {
    this.#register(registry);
  }

  note(answered: AnsweredRequest, usd: number): void {
    const counts = this.#countsOf(answered.provider);
    counts.requests.set(answered.status, (counts.requests.get(answered.status) ?? 0) + 1);
    if (answered.attempts > 1) counts.retried += 1;
    counts.promptTokens += answered.promptTokens;
    counts.completionTokens += answered.completionTokens;
    counts.usd += usd;
    counts.seconds.add(answered.seconds);
    if (answered.firstByteSeconds !== null) counts.firstByte.add(answered.firstByteSeconds);
  }

  #countsOf(provider: string): Counts {
    const known = this.#byProvider.get(provider);
    if (known !== undefined) return known;
    if (this.#byProvider.size >= PROVIDERS_MAX && provider !== 'other') return this.#countsOf('other');
    const counts: Counts = {
      requests: new Map(),
      retried: 0,
      promptTokens: 0,
      completionTokens: 0,
      usd: 0,
      seconds: new Bins(SECONDS),
      firstByte: new Bins(SECONDS),
    };
    this.#byProvider.set(provider, counts);
    return counts;
  }

  #register(registry: Registry): void {
    const byProvider = this.#byProvider;
    const registers = [registry];
    new Counter({
      name: 'leash_gateway_requests_total',
      help: 'Requests through the gateway by provider and the status they were answered with',
      labelNames: ['provider', 'status'] as const,
      registers,
      collect() {
        this.reset();
        for (const [provider, { requests }] of byProvider)
          for (const [status, count] of requests) this.inc({ provider, status: String(status) }, count);
      },
    });
    new Counter({
      name: 'leash_gateway_retried_requests_total',
      help: 'Requests that took more than one attempt, by the provider that was asked last',
      labelNames: ['provider'] as const,
      registers,
      collect() {
        this.reset();
        for (const [provider, { retried }] of byProvider) this.inc({ provider }, retried);
      },
    });
    new Counter({
      name: 'leash_gateway_tokens_total',
      help: 'Tokens through the gateway by provider and kind: prompt, completion',
      labelNames: ['provider', 'kind'] as const,
      registers,
      collect() {
        this.reset();
        for (const [provider, { promptTokens, completionTokens }] of byProvider) {
          this.inc({ provider, kind: 'prompt' }, promptTokens);
          this.inc({ provider, kind: 'completion' }, completionTokens);
        }
      },
    });
    new Counter({
      name: 'leash_gateway_usd_total',
      help: 'Dollars of requests by provider: by its prices, for a rented GPU the share in its price per hour',
      labelNames: ['provider'] as const,
      registers,
      collect() {
        this.reset();
        for (const [provider, { usd }] of byProvider) this.inc({ provider }, usd);
      },
    });
    const binsOf = (of: 'seconds' | 'firstByte') => () =>
      [...byProvider].map(([provider, counts]) => ({ provider, bins: counts[of] }));
    new BinnedHistogram(registry, {
      name: 'leash_gateway_request_duration_seconds',
      help: 'Until the answer was sent whole, by provider',
      binsOf: binsOf('seconds'),
    });
    new BinnedHistogram(registry, {
      name: 'leash_gateway_first_byte_seconds',
      help: 'Until the first byte of the answer came, by provider',
      binsOf: binsOf('firstByte'),
    });
  }
}

/** How many values lie at or below each bound, and above all. */
class Bins {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    let at = 0;
    while (at < this.bounds.length && value > (this.bounds[at] ?? Number.POSITIVE_INFINITY)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}

type Told = MetricObjectWithValues<MetricValueWithName<'provider' | 'le'>>;

/** A histogram that was counted elsewhere. */
class BinnedHistogram extends Histogram<'provider'> {
  readonly #told: () => Told;

  constructor(
    registry: Registry,
    of: { name: string; help: string; binsOf: () => { provider: string; bins: Bins }[] },
  ) {
    super({
      name: of.name,
      help: of.help,
      labelNames: ['provider'],
      buckets: SECONDS,
      registers: [registry],
    });
    this.#told = () => ({
      name: of.name,
      help: of.help,
      // As the library itself calls it; its type says otherwise.
      type: 'histogram' as unknown as Told['type'],
      aggregator: 'sum',
      collect: () => undefined,
      values: of.binsOf().flatMap(({ provider, bins }) => valuesOf(of.name, provider, bins)),
    });
  }

  override async get(): Promise<Told> {
    return this.#told();
  }

  /** What the registry asks for its text. */
  async getForPromString(): Promise<Told> {
    return this.#told();
  }
}

function valuesOf(name: string, provider: string, { bounds, counts, sum }: Bins): Told['values'] {
  let below = 0;
  const buckets = [...bounds, '+Inf'].map((le, at) => {
    below += counts[at] ?? 0;
    return { metricName: `${name}_bucket`, labels: { provider, le }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { provider }, value: sum },
    { metricName: `${name}_count`, labels: { provider }, value: below },
  ];
}
