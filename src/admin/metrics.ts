import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Sessions } from '../client.ts';
import { SESSION_STATES, type SessionState } from '../domain/session.ts';

export type Metrics = {
  readonly contentType: string;
  /** For who counts beside it. */
  readonly registry: Registry;
  text(): Promise<string>;
  noteRequest(request: { method: string; route: string; status: number; seconds: number }): void;
};

/** Sessions are counted by listing those that are open: at most this many pages of 200, once a scrape. */
const PAGES_MAX = 10;
const SCRAPE_MS = 1_000;

/** The metrics of one HTTP server, in a registry of its own; with those of a worker in the same process. */
export function makeMetrics(sessions: Sessions, ofWorker?: () => Promise<string>): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'leash_http_request_duration_seconds',
    help: 'HTTP requests by method, route and status, until the answer was sent',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600],
    registers: [registry],
  });
  gaugeOfStates(registry, sessions);
  gaugeOfServing(registry, sessions);
  budgetOf(registry, sessions);
  reaperOf(registry, sessions);
  return {
    contentType: registry.contentType,
    registry,
    text: async () => [await registry.metrics(), ...(ofWorker ? [await ofWorker()] : [])].join('\n'),
    noteRequest: ({ method, route, status, seconds }) =>
      requests.observe({ method, route, status: String(status) }, seconds),
  };
}

function gaugeOfStates(registry: Registry, sessions: Sessions): void {
  new Gauge({
    name: 'leash_sessions',
    help: 'Open sessions by state; absent while Temporal cannot be asked',
    labelNames: ['state'] as const,
    registers: [registry],
    async collect() {
      this.reset();
      const counts = await countByState(sessions).catch(() => null);
      for (const [state, count] of counts ?? []) this.set({ state }, count);
    },
  });
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

/** Of the reaper's last finished run; absent while none is known. */
function reaperOf(registry: Registry, sessions: Sessions): void {
  const read = onceAScrape(() => sessions.lastReap());
  new Gauge({
    name: 'leash_reaper_last_run_timestamp_seconds',
    help: "When the reaper's last finished run began",
    registers: [registry],
    async collect() {
      const last = await read();
      this.reset();
      if (last === null) this.remove();
      else this.set(last.atMs / 1_000);
    },
  });
  new Gauge({
    name: 'leash_reaper_instances',
    help: 'Instances that the last run of the reaper found, destroyed and left',
    labelNames: ['result'] as const,
    registers: [registry],
    async collect() {
      const last = await read();
      this.reset();
      if (last === null) return;
      for (const result of ['found', 'destroyed', 'left'] as const) this.set({ result }, last[result]);
    },
  });
}

function budgetOf(registry: Registry, sessions: Sessions): void {
  const read = onceAScrape(() => sessions.budget());
  new Gauge({
    name: 'leash_budget_usd',
    help: 'Dollars of the period: the limit, spent by closed sessions, reserved by open ones, free',
    labelNames: ['kind'] as const,
    registers: [registry],
    async collect() {
      this.reset();
      const budget = await read();
      if (budget === null) return;
      this.set({ kind: 'limit' }, sixDecimals(budget.limitUsd));
      this.set({ kind: 'spent' }, sixDecimals(budget.spentUsd));
      this.set({ kind: 'reserved' }, sixDecimals(budget.reservedUsd));
      this.set({ kind: 'free' }, sixDecimals(budget.freeUsd));
    },
  });
  new Counter({
    name: 'leash_budget_alerts_total',
    help: 'Thresholds of 50, 80 and 100 % of the budget that were reached, in all periods',
    registers: [registry],
    async collect() {
      const budget = await read();
      this.reset();
      this.inc(budget?.alertsFired ?? 0);
    },
  });
}

/** One question to the ledger for all metrics of a scrape; null where it does not answer. */
function onceAScrape<Answer>(ask: () => Promise<Answer | null>): () => Promise<Answer | null> {
  let asked: { readonly atMs: number; readonly answer: Promise<Answer | null> } | null = null;
  return () => {
    if (asked === null || Date.now() - asked.atMs > SCRAPE_MS)
      asked = { atMs: Date.now(), answer: ask().catch(() => null) };
    return asked.answer;
  };
}

async function countByState(sessions: Sessions): Promise<Map<SessionState, number>> {
  const counts = new Map<SessionState, number>(SESSION_STATES.map((state) => [state, 0]));
  let after: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const listed: Awaited<ReturnType<Sessions['list']>> = await sessions.list({
      open: true,
      limit: 200,
      ...(after !== null && { after }),
    });
    for (const { state } of listed.items) counts.set(state, (counts.get(state) ?? 0) + 1);
    if (listed.next === null) break;
    after = listed.next;
  }
  return counts;
}

/** As the API gives dollars: sums of fractions carry a tail that means nothing. */
function sixDecimals(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}
