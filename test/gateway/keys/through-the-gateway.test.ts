import { expect, test } from 'vitest';
import type { CostsAnswer, KeyCreatedAnswer, KeysAnswer } from '../../../src/admin/answers.ts';
import type { KeyInput } from '../../../src/admin/schema.ts';
import { eventually } from '../../support/eventually.ts';
import { type HttpEdge, startHttpEdge } from '../../support/http-edge.ts';
import { scriptedSessions } from '../../support/scripted-sessions.ts';
import { chat, MODEL, serveFakeVllm, serveRaw } from '../upstreams.ts';

/** A dollar for a thousand tokens, whoever answers. */
const priceOf = (_at: unknown, used: { promptTokens: number; completionTokens: number }) =>
  (used.promptTokens + used.completionTokens) / 1_000;

const noCosts = async () => ({ lines: [], receipts: [], unread: [], isCut: false });

async function startEdge(): Promise<HttpEdge> {
  return startHttpEdge({ priceOf, sessions: scriptedSessions({ costs: noCosts }) });
}

async function makeKey(edge: HttpEdge, order: Partial<KeyInput> = {}): Promise<KeyCreatedAnswer> {
  const made = await edge.ask('/api/admin/keys', { json: { name: 'app', ...order } });
  expect(made.status).toBe(201);
  return (await made.json()) as KeyCreatedAnswer;
}

const soon = { withinMs: 10_000, everyMs: 50 };

test('a key is served until it is revoked; the admin token goes on', async () => {
  await using edge = await startEdge();
  await using _vllm = await serveFakeVllm(edge);
  const { token } = await makeKey(edge);
  expect((await edge.ask('/v1/chat/completions', { token, json: chat() })).status).toBe(200);
  await edge.ask('/api/admin/keys/app', { method: 'DELETE' });
  expect((await edge.ask('/v1/chat/completions', { token, json: chat() })).status).toBe(401);
  expect((await edge.ask('/v1/chat/completions', { json: chat() })).status).toBe(200);
  expect(edge.log.join('')).not.toContain(token);
});

test('a key is shown and served its models alone', async () => {
  await using edge = await startEdge();
  await using _vllm = await serveFakeVllm(edge);
  const other = await makeKey(edge, { name: 'other', models: ['opus'] });
  const own = await makeKey(edge, { name: 'own', models: [MODEL] });
  const models = async (token: string) =>
    ((await (await edge.ask('/v1/models', { token })).json()) as { data: { id: string }[] }).data.map(
      ({ id }) => id,
    );
  expect([await models(own.token), await models(other.token)]).toEqual([[MODEL], []]);
  const json = chat({ model: MODEL });
  expect((await edge.ask('/v1/chat/completions', { token: own.token, json })).status).toBe(200);
  const refused = await edge.ask('/v1/chat/completions', { token: other.token, json });
  expect([refused.status, await refused.json()]).toMatchObject([
    403,
    { error: { code: 'model_not_allowed' } },
  ]);
});

test('rates are told with each answer, and refused with the time to wait', async () => {
  await using edge = await startEdge();
  await using _vllm = await serveFakeVllm(edge);
  const { token } = await makeKey(edge, { requests_per_minute: 2 });
  const json = chat({ model: MODEL });
  const first = await edge.ask('/v1/chat/completions', { token, json });
  expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
  await edge.ask('/v1/chat/completions', { token, json });
  const third = await edge.ask('/v1/chat/completions', { token, json });
  expect([third.status, await third.json()]).toMatchObject([429, { error: { type: 'rate_limit_exceeded' } }]);
  expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(50);
  expect(third.headers.get('x-ratelimit-remaining-requests')).toBe('0');
});

test('a hundred requests at once with a budget for a few cost no more than it', async () => {
  await using edge = await startEdge();
  const usage = { prompt_tokens: 10, completion_tokens: 90, total_tokens: 100 };
  await using upstream = await serveRaw(edge, (response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: 'x', object: 'chat.completion', choices: [], usage }));
  });
  const { token } = await makeKey(edge, { budget_usd: 1.25, budget_period: 'day' });
  const json = chat({ model: MODEL, max_tokens: 90 });
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async () => (await edge.ask('/v1/chat/completions', { token, json })).status),
  );
  const served = statuses.filter((status) => status === 200).length;
  expect(served).toBe(upstream.received.length);
  expect(served).toBeGreaterThan(0);
  // Ten cents each.
  expect(served).toBeLessThanOrEqual(12);
  expect(statuses.filter((status) => status !== 200 && status !== 429 && status !== 402)).toEqual([]);
  await eventually(
    'what was spent is shown',
    async () => {
      const { items } = (await (await edge.ask('/api/admin/keys')).json()) as KeysAnswer;
      return Math.abs((items[0]?.budget?.spent_usd ?? 0) - served / 10) < 1e-9;
    },
    soon,
  );
  const costs = (await (await edge.ask('/api/admin/costs?by=key')).json()) as CostsAnswer;
  const app = costs.items.find(({ key }) => key === 'app');
  expect(app?.use).toMatchObject({ prompt_tokens: served * 10, completion_tokens: served * 90 });
  expect(app?.usd.tokens).toBeCloseTo(served / 10, 6);
  const metrics = await (await edge.ask('/metrics')).text();
  expect(metrics).toContain(`leash_gateway_tokens_total{provider="vastai",kind="prompt"} ${served * 10}`);
});

test('a stream that its caller leaves is not free', async () => {
  await using edge = await startEdge();
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
  });
  const { token } = await makeKey(edge, { budget_usd: 100 });
  const caller = new AbortController();
  const json = chat({ model: MODEL, stream: true, max_tokens: 50, padding: 'x'.repeat(4_000) });
  const answer = await edge.ask('/v1/chat/completions', { token, json, signal: caller.signal });
  await answer.body?.getReader().read();
  caller.abort();
  await eventually(
    'the prompt is paid',
    async () => {
      const { items } = (await (await edge.ask('/api/admin/keys')).json()) as KeysAnswer;
      return (items[0]?.budget?.spent_usd ?? 0) > 1;
    },
    soon,
  );
});
