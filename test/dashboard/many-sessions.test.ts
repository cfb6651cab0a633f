import { afterAll, beforeAll, expect, test } from 'vitest';
import type { News, SessionSummary } from '../../src/client.ts';
import { idleView, type SessionView } from '../../src/domain/session.ts';
import { describeInBrowser, openBrowser, type RealBrowser } from '../support/browser.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { noSessions } from './no-sessions.ts';

const SESSIONS = 200;
const EVENTS = 10_000;
/** A frame is 17 ms; a machine with other work may take some, but never so many that a page feels stuck. */
const FRAME_MS_MEDIAN_MAX = 50;
const NOW_MS = Date.now();

describeInBrowser('a dashboard with much in it', () => {
  let browser: RealBrowser;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
  });

  test('200 sessions that all change are a list that filters and scrolls smoothly', async () => {
    const told = tellingSessions();
    await using edge = await startHttpEdge({ sessions: told.sessions });
    await using visit = await browser.enter(edge.url, TOKEN);
    const lines = visit.page
      .getByRole('main')
      .locator('li')
      .filter({ has: visit.page.getByText('Ready', { exact: true }) });
    await visit.page.getByRole('heading', { name: `Open sessions ${SESSIONS}` }).waitFor();
    expect(await lines.count()).toBe(SESSIONS);

    const burst = setInterval(() => told.changeAll(), 200);
    const frames = await visit.page.evaluate<number[]>(SCROLL_AND_MEASURE);
    clearInterval(burst);
    expect(median(frames)).toBeLessThan(FRAME_MS_MEDIAN_MAX);

    await visit.page.getByLabel('Filter by name').fill('session-11');
    await visit.page.getByRole('heading', { name: `Open sessions 11 of ${SESSIONS}` }).waitFor();
    expect(await visit.page.getByRole('article').count()).toBe(11);
    expect(visit.complaints.filter((complaint) => !complaint.includes('/samples'))).toEqual([]);
  });

  test('10,000 events of a session show the newest at once, and earlier ones when asked for', async () => {
    const told = tellingSessions();
    await using edge = await startHttpEdge({ sessions: told.sessions });
    await using visit = await browser.enter(edge.url, TOKEN);
    await visit.page.goto(`${edge.url}/sessions/session-0`);
    await visit.page.getByText('10,000 events, newest first').waitFor();
    const timeline = visit.page.getByRole('region', { name: 'Timeline, newest first' });
    await timeline.getByText(`Event ${EVENTS - 1}`, { exact: true }).waitFor();
    const shown = await timeline.getByRole('listitem').count();
    expect(shown).toBeLessThanOrEqual(200);
    const frames = await visit.page.evaluate<number[]>(SCROLL_AND_MEASURE);
    expect(median(frames)).toBeLessThan(FRAME_MS_MEDIAN_MAX);
    await timeline.getByRole('button', { name: /^Show .* earlier$/ }).click();
    await timeline.getByText(`Event ${EVENTS - 1 - shown}`, { exact: true }).waitFor();
  });
});

/** Milliseconds of each frame while the page is scrolled from its top to its end for a second and a half. */
const SCROLL_AND_MEASURE = `new Promise((resolve) => {
  const frames = [];
  const startMs = performance.now();
  let lastMs = startMs;
  const step = (nowMs) => {
    frames.push(nowMs - lastMs);
    lastMs = nowMs;
    const share = (nowMs - startMs) / 1500;
    scrollTo(0, share * document.documentElement.scrollHeight);
    if (share < 1) requestAnimationFrame(step);
    else resolve(frames);
  };
  requestAnimationFrame(step);
})`;

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Sessions that are READY and told of as the server tells of them, with a long history each. */
function tellingSessions() {
  const listeners = new Set<(news: News) => void>();
  let sequence = 0;
  const tell = (listener: (news: News) => void, view: SessionView) => {
    sequence += 1;
    listener({ id: `many-${sequence}`, kind: 'session', session: view.session, view });
  };
  const views = Array.from({ length: SESSIONS }, (_, index) => readyView(`session-${index}`));
  const sessions = noSessions({
    list: async ({ open }) => ({ items: open === true ? views.map(summaryOf) : [], next: null }),
    status: async (session) => views.find((view) => view.session === session) ?? idleView(session),
    listen: (listener) => {
      listeners.add(listener);
      for (const view of views) tell(listener, view);
      return () => listeners.delete(listener);
    },
    timeline: async ({ limit, after }) => {
      const from = after === null ? 0 : Number(after) + 1;
      const until = Math.min(EVENTS, from + limit);
      const items = Array.from({ length: until - from }, (_, index) => ({
        id: String(from + index),
        atMs: NOW_MS - (EVENTS - from - index) * 1_000,
        kind: 'step' as const,
        title: `Event ${from + index}`,
      }));
      return { items, next: until < EVENTS ? String(until - 1) : null };
    },
  });
  return {
    sessions,
    changeAll: () => {
      for (const listener of listeners) {
        for (const view of views) {
          const budget = { ...view.budget, spentUsd: view.budget.spentUsd + sequence * 1e-6 };
          tell(listener, { ...view, budget });
        }
      }
    },
  };
}

function readyView(session: string): SessionView {
  return {
    ...idleView(session),
    state: 'READY',
    detail: 'Serving a model.',
    gpu: 'RTX 4090',
    model: 'a/model',
    instanceId: 1,
    machineId: 2,
    usdPerHour: 0.3,
    startedAtMs: NOW_MS - 600_000,
    readyAtMs: NOW_MS - 500_000,
    keepAliveUntilMs: NOW_MS + 3_600_000,
  };
}

function summaryOf({ session }: SessionView): SessionSummary {
  return {
    session,
    state: 'READY',
    outcome: null,
    gpu: 'RTX 4090',
    instanceId: '1',
    usdPerHour: 0.3,
    startedAtMs: NOW_MS - 600_000,
    endedAtMs: null,
    run: 'a-run',
  };
}
