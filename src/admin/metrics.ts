import { Gauge, Histogram, Registry } from 'prom-client';
import type { Sessions } from '../client.ts';
import { collectProcessMetrics } from '../process-metrics.ts';
import { measureTargets } from './gateway-metrics.ts';
import { measureGuarantees } from './guarantee-metrics.ts';
import type { ProviderDesk } from './providers.ts';
import { measureSessions } from './session-metrics.ts';

export type Metrics = {
  readonly contentType: string;
  /** For who counts beside it. */
  readonly registry: Registry;
  text(): Promise<string>;
  noteRequest(request: { method: string; route: string; status: number; seconds: number }): void;
  /** Tells of the gateway's targets too, from now on. */
  watch(gateway: Pick<ProviderDesk, 'providers'>): void;
};

export type Measured = {
  readonly sessions: Sessions;
  /** Where the state of the process lies. */
  readonly home: string;
  /** The text of a worker in the same process, and of Temporal's SDK there. */
  readonly ofWorker?: (() => Promise<string>) | undefined;
};

/** The metrics of one HTTP server, in a registry of its own; with those of a worker in the same process. */
export function makeMetrics({ sessions, home, ofWorker }: Measured): Metrics {
  const registry = new Registry();
  collectProcessMetrics(registry, home);
  const requests = new Histogram({
    name: 'leash_http_request_duration_seconds',
    help: 'HTTP requests by method, route and status, until the answer was sent',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600],
    registers: [registry],
  });
  measureSessions(registry, sessions);
  measureGuarantees(registry, sessions);
  gaugeOfServing(registry, sessions);
  return {
    contentType: registry.contentType,
    registry,
    text: async () => (await Promise.all([registry.metrics(), ofWorker?.() ?? ''])).join('\n'),
    noteRequest: ({ method, route, status, seconds }) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    watch: (gateway) => measureTargets(registry, gateway),
  };
}

function gaugeOfServing(registry: Registry, sessions: Sessions): void {
  new Gauge({
    name: 'leash_gateway_sessions',
    help: 'Sessions that the gateway sends traffic to now',
    registers: [registry],
    collect() {
      this.set(sessions.serving().length);
    },
  });
}
