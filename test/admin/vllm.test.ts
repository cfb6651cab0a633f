import { expect, test } from 'vitest';
import { problemAnswer, statusAnswer } from '../../src/admin/answers.ts';
import { Problem } from '../../src/domain/problem.ts';
import { idleView, type SessionView } from '../../src/domain/session.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const view = (more: Partial<SessionView> = {}): SessionView => ({ ...idleView('default'), ...more });
const SERVING = {
  session: 'default',
  model: 'm',
  endpoint: 'http://127.0.0.1:1/v1',
  label: 'leash.aaaaaaaaaa.default.bbbbbbbbbb.1.x1900000000',
  instanceId: 1,
};

test('a launch is 202 with created: true, and carries the key and the request', async () => {
  const sessions = scriptedSessions({
    launch: async () => ({ created: true, view: view({ state: 'SEARCHING', accepted: true }) }),
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/vllm/launch', {
    json: { keep_alive_minutes: 1, model: 'org/model' },
    headers: { 'idempotency-key': 'key 1' },
  });
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({ state: 'SEARCHING', accepted: true, created: true });
  expect(sessions.calls).toMatchObject([
    {
      name: 'launch',
      given: {
        session: 'default',
        idempotencyKey: 'key 1',
        request: { keepAliveMs: 60_000, model: 'org/model', budgetUsd: 2 },
      },
    },
  ]);
});

test('the same launch while the session is open is 200 with created: false', async () => {
  const sessions = scriptedSessions({ launch: async () => ({ created: false, view: view() }) });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/vllm/launch', { json: {} });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ created: false });
});

test('a launch without a body is the default launch, with or without a content type', async () => {
  const sessions = scriptedSessions({ launch: async () => ({ created: true, view: view() }) });
  await using edge = await startHttpEdge({ sessions });
  for (const headers of [{}, { 'content-type': 'application/json' }]) {
    const answer = await edge.ask('/api/admin/vllm/launch', { method: 'POST', headers });
    expect(answer.status).toBe(202);
  }
  expect(sessions.calls).toHaveLength(2);
});

test('a wrong launch is refused with every problem, and nothing is asked of the sessions', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/admin/vllm/launch', {
    json: { hedge: 7, budget_usd: 3, hurry: true },
    headers: { 'idempotency-key': 'k'.repeat(201) },
  });
  expect(answer.status).toBe(400);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = problemAnswer.parse(await answer.json());
  expect(problem).toMatchObject({ kind: 'invalid', status: 400 });
  expect(problem.problems?.map(({ field }) => field).sort()).toEqual([
    'Idempotency-Key',
    'budget_usd',
    'hedge',
    'hurry',
  ]);
  expect(edge.sessions.calls).toEqual([]);
});

test('the status is 200 for a session that never was', async () => {
  const sessions = scriptedSessions({ status: async (session) => idleView(session) });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/vllm/status?session=never');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    session: 'never',
    state: 'IDLE',
    status: 'idle',
    receipt: null,
  });
});

test('the provider is vastai while the gateway sends to the session, and null otherwise', async () => {
  const sessions = scriptedSessions({ status: async () => view({ state: 'READY' }) });
  await using edge = await startHttpEdge({ sessions });
  const providerNow = async () =>
    statusAnswer.parse(await (await edge.ask('/api/admin/vllm/status')).json()).provider;
  expect(await providerNow()).toBeNull();
  sessions.table.push(SERVING);
  expect(await providerNow()).toBe('vastai');
  sessions.markUnreachable('default');
  expect(await providerNow()).toBeNull();
});

test('an extension carries its minutes and its key, and answers with the new deadline', async () => {
  const sessions = scriptedSessions({ extend: async () => view({ keepAliveUntilMs: Date.UTC(2026, 0, 1) }) });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/vllm/extend', {
    json: { additional_minutes: 0.5, session: 'second' },
    headers: { 'idempotency-key': 'again' },
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ keep_alive_until: '2026-01-01T00:00:00.000Z' });
  expect(sessions.calls).toEqual([
    { name: 'extend', given: { session: 'second', additionalMs: 30_000, idempotencyKey: 'again' } },
  ]);
});

test.each([
  ['no minutes', {}, 'additional_minutes'],
  ['no time at all', { additional_minutes: 0 }, 'additional_minutes'],
  ['a field there is not', { additional_minutes: 1, minutes: 1 }, 'minutes'],
])('an extension with %s is refused', async (_words, json, field) => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/admin/vllm/extend', { json });
  expect(answer.status).toBe(400);
  expect(problemAnswer.parse(await answer.json()).problems).toMatchObject([{ field }]);
});

test.each([
  ['goes on', false, 202],
  ['is verified', true, 200],
])('a destroy that %s is answered so', async (_words, done, status) => {
  const sessions = scriptedSessions({
    destroy: async () => ({ done, view: view({ state: done ? 'IDLE' : 'DESTROYING' }) }),
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/vllm/destroy', { json: { wait_seconds: 1.5 } });
  expect(answer.status).toBe(status);
  expect(sessions.calls).toEqual([
    { name: 'destroy', given: { session: 'default', waitMs: 1_500, reason: 'requested' } },
  ]);
});

test('a destroy may wait ten minutes at most', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/admin/vllm/destroy', { json: { wait_seconds: 601 } });
  expect(answer.status).toBe(400);
});

test('sessions are listed with filters and paging', async () => {
  const sessions = scriptedSessions({
    list: async () => ({
      items: [
        {
          session: 'default',
          state: 'READY',
          outcome: null,
          gpu: 'RTX 4090',
          instanceId: '33',
          usdPerHour: 0.4,
          startedAtMs: Date.UTC(2026, 0, 1),
          endedAtMs: null,
          run: 'bbbbbbbbbb',
          model: 'org/model',
          budgetUsd: 2,
        },
      ],
      next: 'more',
    }),
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/sessions?state=READY&open=true&limit=7&after=token');
  expect(await answer.json()).toEqual({
    items: [
      {
        session: 'default',
        run: 'bbbbbbbbbb',
        state: 'READY',
        status: 'ready',
        outcome: null,
        gpu: 'RTX 4090',
        instance_id: 33,
        usd_per_hour: 0.4,
        ...{ model: 'org/model', budget_usd: 2, spent_usd: null },
        started_at: '2026-01-01T00:00:00.000Z',
        ended_at: null,
      },
    ],
    next: 'more',
  });
  expect(sessions.calls).toEqual([
    { name: 'list', given: { state: 'READY', open: true, limit: 7, after: 'token' } },
  ]);
  const wrong = await edge.ask('/api/admin/sessions?state=ready&open=1&limit=0&sort=x');
  expect(problemAnswer.parse(await wrong.json()).problems).toHaveLength(4);
});

test('the budget of the installation is told in its numbers', async () => {
  const sessions = scriptedSessions({
    budget: async () => ({
      ...{ limitUsd: 15, spentUsd: 12, reservedUsd: 2, freeUsd: 1 },
      ...{ period: '7d', periodEndMs: Date.UTC(2026, 2, 31) },
      alerts: [
        { percent: 50, atMs: Date.UTC(2026, 2, 25) },
        { percent: 80, atMs: Date.UTC(2026, 2, 26) },
      ],
      alertsFired: 5,
      projectedBreachAtMs: Date.UTC(2026, 2, 29),
    }),
  });
  await using edge = await startHttpEdge({ sessions });
  expect(await (await edge.ask('/api/admin/budget')).json()).toMatchObject({
    limit_usd: 15,
    spent_usd: 12,
    reserved_usd: 2,
    free_usd: 1,
    period: '7d',
    period_ends_at: '2026-03-31T00:00:00.000Z',
    alerts: [
      { percent: 50, at: '2026-03-25T00:00:00.000Z' },
      { percent: 80, at: '2026-03-26T00:00:00.000Z' },
    ],
    projected_breach_at: '2026-03-29T00:00:00.000Z',
  });
  const metrics = await (await edge.ask('/metrics')).text();
  expect(metrics).toContain('leash_budget_usd{kind="limit"} 15');
  expect(metrics).toContain('leash_budget_usd{kind="free"} 1');
  expect(metrics).toContain('leash_budget_alerts_total 5');
});

test.each([
  ['over-budget', 402, null],
  ['no-credit', 402, null],
  ['conflict', 409, null],
  ['destroying', 409, null],
  ['nothing-to-extend', 409, null],
  ['market-unreachable', 502, null],
  ['market-refused', 502, null],
  ['temporal-unreachable', 503, '5'],
  ['no-worker', 503, '5'],
] as const)('a refusal of kind %s is %i', async (kind, status, retryAfter) => {
  const sessions = scriptedSessions({
    launch: async () => {
      throw new Problem(kind, 'What was tried, what is so and what to do.');
    },
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/vllm/launch', { json: {} });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('retry-after')).toBe(retryAfter);
  expect(await answer.json()).toEqual({
    type: `urn:leash:problem:${kind}`,
    title: expect.stringMatching(/\w/),
    status,
    kind,
    detail: 'What was tried, what is so and what to do.',
  });
});

test('a refusal that knows when to ask again says so in whole seconds', async () => {
  const sessions = scriptedSessions({
    status: async () => {
      throw new Problem('temporal-unreachable', 'Away.', { retryAfterSeconds: 1.2 });
    },
  });
  await using edge = await startHttpEdge({ sessions });
  expect((await edge.ask('/api/admin/vllm/status')).headers.get('retry-after')).toBe('2');
});

test('a bug is a 500 that tells the log what happened and the caller nothing', async () => {
  const sessions = scriptedSessions({
    status: async () => {
      throw new Error('secret insides');
    },
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/vllm/status');
  expect(answer.status).toBe(500);
  const text = await answer.text();
  expect(JSON.parse(text)).toMatchObject({ kind: 'internal', status: 500 });
  expect(text).not.toMatch(/secret insides/);
  expect(edge.log.join('')).toMatch(/secret insides/);
});
