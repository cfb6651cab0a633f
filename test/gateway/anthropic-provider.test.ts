import { expect, test } from 'vitest';
import type { Metering } from '../../src/gateway/seams.ts';
import { type AnthropicApi, type AnthropicFault, startAnthropicApi } from '../support/anthropic-api.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { startProvider } from '../support/providers.ts';
import { chat, serveFakeVllm } from './upstreams.ts';

type Noted = Parameters<Metering['note']>[0];

async function startWith(api: AnthropicApi, more: Record<string, string> = {}) {
  const noted: Noted[] = [];
  const edge = await startHttpEdge({
    metering: { note: (answered) => void noted.push(answered) },
    deadlines: { firstEventMs: 1_000, headersMs: 1_000, betweenChunksMs: 1_000 },
    settings: {
      ANTHROPIC_API_KEY: api.apiKey,
      ANTHROPIC_BASE_URL: api.url,
      ANTHROPIC_MODEL: 'claude-haiku-4-5',
      ...more,
    },
  });
  return Object.assign(edge, { noted });
}

async function withSecond(api: AnthropicApi) {
  const second = await startProvider('second');
  const list = [{ name: 'second', url: second.url, models: ['m'] }];
  const edge = await startWith(api, { GATEWAY_PROVIDERS: JSON.stringify(list) });
  return {
    edge,
    [Symbol.asyncDispose]: async () => {
      await edge.close();
      await second.die();
    },
  };
}

test('Anthropic answers in OpenAI’s shape, and what it costs is known', async () => {
  await using api = await startAnthropicApi();
  await using edge = await startWith(api);
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect([answer.status, answer.headers.get('x-leash-provider')]).toEqual([200, 'anthropic']);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(await answer.json()).toMatchObject({
    object: 'chat.completion',
    model: 'claude-haiku-4-5',
    choices: [{ message: { role: 'assistant', content: expect.stringMatching(/\w/) } }],
    usage: { prompt_tokens: expect.any(Number), completion_tokens: expect.any(Number) },
  });
  const [received] = api.received;
  expect(received?.headers).toMatchObject({ 'x-api-key': api.apiKey, 'anthropic-version': '2023-06-01' });
  expect(received?.headers.authorization).toBeUndefined();
  expect(edge.noted).toMatchObject([{ provider: 'anthropic', model: 'claude-haiku-4-5', status: 200 }]);
  expect(edge.noted[0]?.usd).toBeGreaterThan(0);
});

test('a stream of Anthropic’s is one of OpenAI’s, with its usage where it was asked for', async () => {
  await using api = await startAnthropicApi();
  await using edge = await startWith(api);
  const answer = await edge.ask('/v1/chat/completions', {
    json: chat({ stream: true, stream_options: { include_usage: true } }),
  });
  expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const text = await answer.text();
  expect(text).toMatch(/"usage":\{"prompt_tokens":\d+[\s\S]*data: \[DONE\]\n\n$/);
  expect(edge.noted[0]?.completionTokens).toBeGreaterThan(0);
});

test('a claude model by name goes to Anthropic, past a session that is READY', async () => {
  await using api = await startAnthropicApi();
  await using edge = await startWith(api);
  await using _vllm = await serveFakeVllm(edge);
  const named = await edge.ask('/v1/chat/completions', { json: chat({ model: 'claude-sonnet-4-5' }) });
  expect(named.headers.get('x-leash-provider')).toBe('anthropic');
  const own = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(own.headers.get('x-leash-provider')).toBe('vastai');
});

const BEFORE: [AnthropicFault, boolean][] = [
  ['rate-limited', false],
  ['rate-limited', true],
  ['overloaded', true],
  ['html-500', false],
  ['api-error', true],
  ['no-credit', false],
  ['forbidden', true],
  ['garbage', false],
  ['garbage', true],
  ['error-at-once', true],
  ['cut', false],
  ['hang', true],
  ['reset', true],
];

test.each(BEFORE)(
  'where Anthropic fails by %s (stream: %s) the next provider answers',
  async (fault, stream) => {
    await using api = await startAnthropicApi();
    await using both = await withSecond(api);
    api.failAlways(fault);
    const answer = await both.edge.ask('/v1/chat/completions', { json: chat({ stream }) });
    expect([answer.status, answer.headers.get('x-leash-tried')]).toEqual([200, 'anthropic, second']);
    expect(await answer.text()).toContain('second');
  },
);

const AFTER: AnthropicFault[] = ['error-midstream', 'cut', 'ended-early', 'hang-midstream'];

test.each(AFTER)('a stream that Anthropic breaks off by %s ends with one error event', async (fault) => {
  await using api = await startAnthropicApi();
  await using both = await withSecond(api);
  api.failAlways(fault);
  const answer = await both.edge.ask('/v1/chat/completions', { json: chat({ stream: true }) });
  const text = await answer.text();
  expect(text).not.toContain('[DONE]');
  expect(text.match(/"error"/g)).toHaveLength(1);
  expect(text.trimEnd().split('\n\n').at(-1)).toContain('"error"');
});

test('what Anthropic cannot express goes to a provider that can, and is 400 where there is none', async () => {
  await using api = await startAnthropicApi();
  const inexpressible = chat({ logprobs: true, top_logprobs: 3 });
  await using both = await withSecond(api);
  const elsewhere = await both.edge.ask('/v1/chat/completions', { json: inexpressible });
  expect([elsewhere.status, elsewhere.headers.get('x-leash-provider')]).toEqual([200, 'second']);
  await using alone = await startWith(api);
  const refused = await alone.ask('/v1/chat/completions', { json: inexpressible });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  expect(api.received).toEqual([]);
});

test('embeddings are not asked of Anthropic', async () => {
  await using api = await startAnthropicApi();
  await using edge = await startWith(api);
  const answer = await edge.ask('/v1/embeddings', { json: { input: 'a' } });
  expect(answer.status).toBe(503);
  expect(api.received).toEqual([]);
});
