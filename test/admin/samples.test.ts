import { expect, test } from 'vitest';
import { samplesAnswer } from '../../src/admin/answers.ts';
import { Problem } from '../../src/domain/problem.ts';
import type { SessionSample } from '../../src/domain/session-sample.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const AT = Date.UTC(2026, 2, 1, 12);
const FORECAST = { usdPerHour: 0.4, budgetUsd: 2, projectedBreachAtMs: AT, totalUsd: 0.1 + 0.2 };

test('samples read in ISO times and dollars of six decimals, with the forecast beside them', async () => {
  const orders: unknown[] = [];
  const sessions = scriptedSessions({
    samples: async (order) => {
      orders.push(order);
      return { session: order.session, run: 'runrunrun1', items: [aSample()], forecast: FORECAST };
    },
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/sessions/mine/samples?since=2026-03-01T11:00:00%2B01:00&limit=7');
  expect(answer.status).toBe(200);
  expect(samplesAnswer.parse(await answer.json())).toEqual({
    session: 'mine',
    run: 'runrunrun1',
    items: [
      {
        at: '2026-03-01T12:00:00.000Z',
        ...{ is_ok: true, spent_usd: 0.3, usd_per_hour: 0.333333 },
        ...{
          requests_total: 7,
          running: 1,
          waiting: 2,
          prompt_tokens_total: 30,
          generation_tokens_total: 900,
        },
        ...{ gpu_util_percent: 87.5, gpu_temp_c: null },
      },
    ],
    forecast: {
      ...{
        usd_per_hour: 0.4,
        budget_usd: 2,
        projected_breach_at: '2026-03-01T12:00:00.000Z',
        total_usd: 0.3,
      },
    },
  });
  await edge.ask('/api/admin/sessions/mine/samples');
  expect(orders).toEqual([
    { session: 'mine', sinceMs: Date.UTC(2026, 2, 1, 10), limit: 7 },
    { session: 'mine', sinceMs: null, limit: 1_500 },
  ]);
});

test('counters that could not be read stand still, and nothing seems to run then', async () => {
  const unread = {
    requestsTotal: null,
    running: null,
    waiting: null,
    promptTokensTotal: null,
    generationTokensTotal: null,
  };
  const items = [
    aSample(unread),
    aSample({ requestsTotal: 5 }),
    aSample(unread),
    aSample({ requestsTotal: 9 }),
  ];
  const sessions = scriptedSessions({
    samples: async ({ session }) => ({ session, run: 'runrunrun1', items, forecast: FORECAST }),
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = samplesAnswer.parse(await (await edge.ask('/api/admin/sessions/mine/samples')).json());
  expect(answer.items.map(({ requests_total }) => requests_total)).toEqual([5, 5, 5, 9]);
  expect(answer.items.map(({ running }) => running)).toEqual([0, 1, 0, 1]);
});

test.each([
  ['limit=0', 'limit', 'a whole number from 1 to 1500'],
  ['limit=1501', 'limit', 'a whole number from 1 to 1500'],
  ['since=yesterday', 'since', 'a moment such as 2026-03-31T12:00:00Z'],
])('samples with %s are refused with what is allowed', async (query, field, allowed) => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask(`/api/admin/sessions/mine/samples?${query}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ problems: [{ field, allowed }] });
});

test('a name that nobody knows has no samples', async () => {
  const sessions = scriptedSessions({
    samples: async () => {
      throw new Problem('not-found', 'There is and was no session mine.');
    },
  });
  await using edge = await startHttpEdge({ sessions });
  expect((await edge.ask('/api/admin/sessions/mine/samples')).status).toBe(404);
});

function aSample(set: Partial<SessionSample> = {}): SessionSample {
  return {
    ...{ session: 'mine', run: 'runrunrun1', instanceId: 501, atMs: AT, isOk: true },
    ...{ spentUsd: 0.1 + 0.2, usdPerHour: 1 / 3, requestsTotal: 7, running: 1, waiting: 2 },
    ...{ promptTokensTotal: 30, generationTokensTotal: 900, gpuUtilPercent: 87.5, gpuTempC: null },
    ...set,
  };
}
