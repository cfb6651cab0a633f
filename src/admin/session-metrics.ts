import { Gauge, type Registry } from 'prom-client';
import type { SessionSummary, Sessions } from '../client.ts';
import { SESSION_STATES, type SessionState, type SessionView } from '../domain/session.ts';
import { onceAScrape, sixDecimals } from './scrape.ts';

/** Open sessions are listed in pages of 200, and so many of them are asked for their money and health. */
const PAGES_MAX = 10;
const ASKED_MAX = 200;
const ASKED_AT_ONCE = 10;
/** Asking costs a query each: scrapes that come in step, or from several places, share one answer. */
const ASKED_MS = 10_000;

/**
 * Open sessions by state, what they cost, and whether they are well. No name of a session is a label: names come
 * and go without end, and `status` tells of each. What cannot be had is absent.
 */
export function measureSessions(registry: Registry, sessions: Sessions): void {
  const listed = onceAScrape(() => listOpen(sessions));
  const asked = onceAScrape(async () => {
    const open = await listed();
    return open === null ? null : askAll(sessions, open);
  }, ASKED_MS);
  const registers = [registry];
  new Gauge({
    name: 'leash_sessions',
    help: 'Open sessions by state; absent while Temporal cannot be asked',
    labelNames: ['state'] as const,
    registers,
    async collect() {
      this.reset();
      const open = await listed();
      if (open === null) return;
      for (const state of SESSION_STATES) this.set({ state }, countIn(open, state));
    },
  });
  gauge(
    registers,
    'leash_sessions_usd_per_hour',
    'Dollars an hour of all open sessions together',
    async () => {
      const open = await listed();
      return open === null ? null : sixDecimals(sum(open.map(({ usdPerHour }) => usdPerHour ?? 0)));
    },
  );
  gauge(registers, 'leash_sessions_spent_usd', 'Dollars that open sessions have spent so far', async () => {
    const views = await asked();
    return views === null ? null : sixDecimals(sum(views.map(({ budget }) => budget.spentUsd)));
  });
  gauge(registers, 'leash_sessions_limit_usd', 'Dollars that open sessions may spend at most', async () => {
    const views = await asked();
    return views === null ? null : sixDecimals(sum(views.map(({ budget }) => budget.limitUsd)));
  });
  gauge(registers, 'leash_sessions_unhealthy', 'READY sessions whose last look failed', async () => {
    const views = await asked();
    return views === null ? null : views.filter(isUnhealthy).length;
  });
  gauge(
    registers,
    'leash_teardown_unconfirmed_seconds',
    'How long the instance whose DELETE is oldest has not been seen gone; 0 where there is none',
    async () => {
      const views = await asked();
      return views === null
        ? null
        : Math.max(0, ...views.map(({ unconfirmedForMs }) => unconfirmedForMs ?? 0)) / 1_000;
    },
  );
}

/** Null: it is not known, and so not told. */
function gauge(registers: Registry[], name: string, help: string, read: () => Promise<number | null>): void {
  new Gauge({
    name,
    help,
    registers,
    async collect() {
      const value = await read();
      if (value === null) this.remove();
      else this.set(value);
    },
  });
}

async function listOpen(sessions: Sessions): Promise<SessionSummary[]> {
  const open: SessionSummary[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const listed: Awaited<ReturnType<Sessions['list']>> = await sessions.list({
      open: true,
      limit: 200,
      ...(after !== null && { after }),
    });
    open.push(...listed.items);
    if (listed.next === null) break;
    after = listed.next;
  }
  return open;
}

/** What each says of itself. Throws where one cannot: a sum of some would look like the sum of all. */
async function askAll(sessions: Sessions, open: readonly SessionSummary[]): Promise<SessionView[]> {
  const names = open.slice(0, ASKED_MAX).map(({ session }) => session);
  const views: SessionView[] = [];
  for (let from = 0; from < names.length; from += ASKED_AT_ONCE) {
    const batch = names.slice(from, from + ASKED_AT_ONCE);
    const answers = await Promise.all(batch.map((session) => sessions.status(session)));
    const silent = answers.find(({ isStale }) => isStale);
    if (silent !== undefined) throw new Error(`no worker tells of session ${silent.session}`);
    views.push(...answers);
  }
  // One that has ended since it was listed is none of those that are open.
  return views.filter(({ state }) => state !== 'IDLE');
}

function countIn(open: readonly SessionSummary[], wanted: SessionState): number {
  return open.filter(({ state }) => state === wanted).length;
}

function isUnhealthy({ state, health }: SessionView): boolean {
  return state === 'READY' && health.consecutiveFailures > 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
