import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProblemAnswer, StatusAnswer } from '../../src/admin/answers.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** Nonsense of every kind, through the real server: said plainly, all at once, and it starts nothing. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());

describe('a launch that makes no sense', () => {
  test.each([
    ['a name with capitals', { session: 'Default' }, ['session']],
    ['a name with a dot', { session: 'a.b' }, ['session']],
    ['an empty name', { session: '' }, ['session']],
    ['a name too long', { session: 'a'.repeat(41) }, ['session']],
    ['a keep-alive of nothing', { keep_alive_minutes: 0 }, ['keep_alive_minutes']],
    ['a keep-alive before now', { keep_alive_minutes: -1 }, ['keep_alive_minutes']],
    ['a keep-alive in words', { keep_alive_minutes: 'long' }, ['keep_alive_minutes']],
    [
      'a keep-alive beyond the lifetime',
      { keep_alive_minutes: 60, max_lifetime_minutes: 30 },
      ['keep_alive_minutes'],
    ],
    ['a lifetime of a month', { max_lifetime_minutes: 43_200 }, ['max_lifetime_minutes']],
    ['no budget', { budget_usd: 0 }, ['budget_usd']],
    ['a budget below nothing', { budget_usd: -2 }, ['budget_usd']],
    ['a budget above the ceiling', { budget_usd: 1_000 }, ['budget_usd']],
    ['four hedges', { hedge: 4 }, ['hedge']],
    ['half a GPU', { num_gpus: 0.5 }, ['num_gpus']],
    ['an unknown field', { gpu: 'H100' }, ['gpu']],
    ['a bid for an on-demand instance', { max_bid_usd_per_hour: 0.2 }, ['max_bid_usd_per_hour']],
    ['an argument that is ours', { vllm_args: ['--api-key', 'x'] }, ['vllm_args']],
    ['no tiers', { tiers: [] }, ['tiers']],
    [
      'a tier without a price',
      { tiers: [{ name: 'A40' }] },
      ['tiers[0].usd_per_hour_max', 'tiers[0].vram_gb'],
    ],
    ['a tier that names an unknown field', { tiers: [{ countries: ['US'] }] }, ['tiers[0].countries']],
    ['one country and not a list of them', { countries: 'US' }, ['countries']],
    ['a country in words', { countries: ['US', 'Germany'] }, ['countries[1]']],
    ['a country by its number', { not_countries: [49] }, ['not_countries[0]']],
    ['a machine by name', { machines: ['fast'] }, ['machines[0]']],
    ['a reliability in per cent', { min_reliability: 95 }, ['min_reliability']],
    [
      'everything wrong at once',
      { session: '?', budget_usd: -1, hedge: 9, gpu: 1 },
      ['session', 'budget_usd', 'hedge', 'gpu'],
    ],
  ])('%s', async (_, body, fields) => {
    const answer = await stack.api.admin<ProblemAnswer>('POST', 'vllm/launch', body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.kind).toBe('invalid');
    const named = answer.body.problems?.map(({ field }) => field) ?? [];
    for (const field of fields) expect(named.some((name) => name.startsWith(field))).toBe(true);
  });

  test.each([
    ['not JSON', '{"session":', 400],
    ['a list', '[]', 400],
    ['a number', '7', 400],
    ['null', 'null', 400],
  ])('%s as its body', async (_, body, status) => {
    const answer = await stack.api.admin<ProblemAnswer>('POST', 'vllm/launch', body);
    expect(answer.status).toBe(status);
    expect(answer.body.kind).toBe('invalid');
  });

  test('an idempotency key that is none', async () => {
    const answer = await stack.api.launch({}, { headers: { 'idempotency-key': 'x'.repeat(201) } });
    expect(answer.status).toBe(400);
  });

  test('nothing of it was started or rented', async () => {
    const { api, books } = stack;
    const { body } = await api.admin<{ items: unknown[] }>('GET', 'sessions');
    expect(body.items).toEqual([]);
    expect(await books.ours()).toEqual([]);
  });
});

describe('a call about what is not there', () => {
  test('status of a session nobody launched is IDLE', async () => {
    expect(await stack.api.status('nobody')).toMatchObject({ state: 'IDLE', status: 'idle', receipt: null });
  });

  test('there is nothing to extend', async () => {
    const answer = await stack.api.extend('nobody', 10);
    expect(answer.status).toBe(409);
    expect(answer.body.kind).toBe('nothing-to-extend');
  });

  test('there is nothing to destroy, which is done', async () => {
    const answer = await stack.api.destroy('nobody');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ state: 'IDLE' });
  });

  test.each([0, -5, Number.NaN, 1e9, '10'])('an extension by %s minutes is refused', async (minutes) => {
    const answer = await stack.api.admin<ProblemAnswer>('POST', 'vllm/extend', {
      additional_minutes: minutes,
    });
    expect(answer.status).toBe(400);
    expect(answer.body.problems?.[0]?.field).toBe('additional_minutes');
  });

  test('an unknown route', async () => {
    const answer = await stack.api.admin<ProblemAnswer>('GET', 'nothing');
    expect(answer.status).toBe(404);
    expect(answer.body.kind).toBe('not-found');
  });

  test('the gateway without a session says so as OpenAI’s API would', async () => {
    const answer = await stack.api.chat();
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: 'no_ready_session' } });
  });
});

describe('a call without the token', () => {
  test.each([
    ['none', null],
    ['a wrong one', 'not-the-token'],
  ])('%s', async (_, token) => {
    for (const [method, path] of [
      ['POST', 'vllm/launch'],
      ['GET', 'vllm/status'],
      ['POST', 'vllm/destroy'],
      ['GET', 'budget'],
    ] as const) {
      const answer = await stack.api.admin<ProblemAnswer & StatusAnswer>(
        method,
        path,
        method === 'POST' ? {} : undefined,
        { token },
      );
      expect(answer.status).toBe(401);
      expect(answer.body.kind).toBe('unauthorized');
    }
  });
});
