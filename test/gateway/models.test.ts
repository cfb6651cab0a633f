import { expect, test } from 'vitest';
import type { KeyCreatedAnswer } from '../../src/admin/answers.ts';
import { startAnthropicApi } from '../support/anthropic-api.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { chat, MODEL, serveFakeVllm } from './upstreams.ts';

test.each([
  ['as it is', MODEL],
  ['encoded, as the packages do', encodeURIComponent(MODEL)],
])('a model that is served is found by its name, %s', async (_how, path) => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask(`/v1/models/${path}`);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { id: MODEL, object: 'model', created: expect.any(Number), owned_by: 'leash' },
  ]);
});

test('a model that nobody serves is not found, and those that are served are named', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/models/acme%2Fnone');
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({
    error: { code: 'model_not_found', param: 'model', message: expect.stringContaining(MODEL) },
  });
});

test('a key finds the models that it may use, and no other', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  const made = await edge.ask('/api/admin/keys', { json: { name: 'app', models: ['another'] } });
  const { token } = (await made.json()) as KeyCreatedAnswer;
  const answer = await edge.ask(`/v1/models/${MODEL}`, { token });
  expect([answer.status, await answer.json()]).toMatchObject([
    404,
    { error: { code: 'model_not_found', message: expect.stringMatching(/served now: none\.$/) } },
  ]);
});

test('a Claude model is found though only one of them is listed', async () => {
  await using api = await startAnthropicApi();
  await using edge = await startHttpEdge({
    settings: {
      ANTHROPIC_API_KEY: api.apiKey,
      ANTHROPIC_BASE_URL: api.url,
      ANTHROPIC_MODEL: 'claude-haiku-4-5',
    },
  });
  expect((await edge.ask('/v1/models/claude-sonnet-4-5')).status).toBe(200);
  expect(await (await edge.ask('/v1/models')).text()).not.toContain('claude-sonnet-4-5');
  expect((await edge.ask('/v1/models/gpt-4o')).status).toBe(404);
});

test.each(['embeddings', 'responses'])(
  'what Claude models have no %s for is told as final, and not asked again',
  async (route) => {
    await using api = await startAnthropicApi();
    await using edge = await startHttpEdge({
      settings: { ANTHROPIC_API_KEY: api.apiKey, ANTHROPIC_BASE_URL: api.url },
    });
    const answer = await edge.ask(`/v1/${route}`, { json: { model: 'claude-sonnet-4-5', input: 'a' } });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([404, null]);
    expect(await answer.json()).toMatchObject({ error: { code: 'route_not_served' } });
    expect(api.received).toEqual([]);
  },
);

test('every answer has an id: the caller’s own, or one of ours', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  const idOf = async (path: string, init: Parameters<typeof edge.ask>[1]) =>
    (await edge.ask(path, init)).headers.get('x-request-id');
  const own = { 'x-request-id': 'caller-7' };
  expect(await idOf('/v1/chat/completions', { json: chat(), headers: own })).toBe('caller-7');
  expect(await idOf('/v1/chat/completions', { json: chat({ model: 'none' }), headers: own })).toBe(
    'caller-7',
  );
  expect(await idOf('/v1/models', { headers: own })).toBe('caller-7');
  const ids = await Promise.all([
    idOf('/v1/chat/completions', { json: chat() }),
    idOf('/v1/chat/completions', { json: chat({ stream: true }) }),
    idOf('/v1/models', {}),
    idOf('/v1/models', { token: 'wrong' }),
    idOf('/v1/chat/completions', { json: chat(), headers: { 'x-request-id': '<script>' } }),
  ]);
  for (const id of ids) expect(id).toMatch(/^req_[\w-]{36}$/);
  expect(new Set(ids).size).toBe(ids.length);
});
