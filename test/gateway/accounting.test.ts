import { request } from 'node:http';
import { expect, test } from 'vitest';
import { Refusal } from '../../src/gateway/errors.ts';
import type { GatewayKeys, Metering } from '../../src/gateway/seams.ts';
import { type HttpEdge, startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { eventOf, FAILURES, startProvider } from '../support/providers.ts';
import { chat, until } from './upstreams.ts';

type Noted = Parameters<Metering['note']>[0];

async function startCounting(url: string, keys?: GatewayKeys) {
  const noted: Noted[] = [];
  const edge = await startHttpEdge({
    metering: { note: (answered) => void noted.push(answered) },
    priceOf: (_at, { promptTokens, completionTokens }) => promptTokens + completionTokens,
    ...(keys !== undefined && { keys }),
    settings: { GATEWAY_PROVIDERS: JSON.stringify([{ name: 'one', url, models: ['m'] }]) },
  });
  return Object.assign(edge, { noted });
}

/** A quarter of the bytes of a streamed request of these tests. */
const SENT_TOKENS = Math.ceil(JSON.stringify(chat({ stream: true })).length / 4);

const ask = (edge: HttpEdge, more: Record<string, unknown> = {}, init: object = {}) =>
  edge.ask('/v1/chat/completions', { json: chat(more), ...init });

test('the tokens of an answer are noted as the provider counted them', async () => {
  await using provider = await startProvider('one');
  await using edge = await startCounting(provider.url);
  await (await ask(edge)).text();
  expect(edge.noted).toMatchObject([
    { provider: 'one', model: 'm', session: null, keyId: null, status: 200, attempts: 1, usd: 8 },
  ]);
  expect(edge.noted[0]).toMatchObject({ promptTokens: 3, completionTokens: 5 });
  expect(edge.noted[0]?.firstByteSeconds).toBeGreaterThan(0);
});

test.each([
  ['its usage where it tells', '{"prompt_tokens":7,"completion_tokens":9}', [7, 9]],
  ['what was sent and its events where it does not', 'null', [SENT_TOKENS, 3]],
])('of a stream %s is noted', async (_words, usage, [promptTokens, completionTokens]) => {
  await using provider = await startProvider('one', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(eventOf({ content: 'a' }));
    response.end(`data: {"choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`);
  });
  await using edge = await startCounting(provider.url);
  await (await ask(edge, { stream: true })).text();
  expect(edge.noted).toMatchObject([{ promptTokens, completionTokens, status: 200 }]);
});

test('a request that failed everywhere is noted with its status and no tokens', async () => {
  await using provider = await startProvider('one', FAILURES['breaks off']);
  await using edge = await startCounting(provider.url);
  await (await ask(edge)).text();
  expect(edge.noted).toMatchObject([{ status: 502, promptTokens: 0, completionTokens: 0, attempts: 2 }]);
});

test('a gateway key opens the gateway, is reserved for before the request and settled once after it', async () => {
  const said: unknown[] = [];
  const keys: GatewayKeys = {
    find: (token) => (token === 'sk-leash-good' ? { id: 'k1' } : null),
    begin: (key, order) => {
      said.push(['begin', key.id, order.model, order.completionTokensAtMost]);
      return {
        settle: (used) => void said.push(['settle', used]),
        rateHeaders: () => ({ 'x-ratelimit-remaining-requests': '59' }),
      };
    },
  };
  await using provider = await startProvider('one');
  await using edge = await startCounting(provider.url, keys);
  const answer = await ask(edge, { model: 'm' }, { token: 'sk-leash-good' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-ratelimit-remaining-requests')).toBe('59');
  await answer.text();
  expect(said).toEqual([
    ['begin', 'k1', 'm', 8],
    ['settle', { promptTokens: 3, completionTokens: 5, usd: 8 }],
  ]);
  expect(edge.noted).toMatchObject([{ keyId: 'k1' }]);
  expect((await ask(edge, {}, { token: 'sk-leash-bad' })).status).toBe(401);
});

test('a key whose limit is reached is refused as it says, and nobody is asked', async () => {
  const refusal = {
    status: 429,
    message: 'Enough.',
    type: 'rate_limit_error',
    code: 'rate',
    retryAfterSeconds: 7,
  };
  const keys: GatewayKeys = {
    find: () => ({ id: 'k1' }),
    begin: () => {
      throw new Refusal(refusal);
    },
  };
  await using provider = await startProvider('one');
  await using edge = await startCounting(provider.url, keys);
  const answer = await ask(edge, {}, { token: 'sk-leash-good' });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7']);
  expect(provider.seen).toEqual([]);
});

test('who leaves before the end is counted as reserved, or it would cost nothing', async () => {
  const settled: unknown[] = [];
  const keys: GatewayKeys = {
    find: () => ({ id: 'k1' }),
    // Asked of a database, as where a budget runs low.
    begin: async () => ({ settle: (used) => void settled.push(used), rateHeaders: () => ({}) }),
  };
  await using provider = await startProvider('one', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(eventOf({ content: 'a' }));
  });
  await using edge = await startCounting(provider.url, keys);
  const caller = new AbortController();
  const answer = await ask(edge, { stream: true }, { token: 'sk-leash-good', signal: caller.signal });
  await answer.body?.getReader().read();
  caller.abort();
  await until(() => settled.length === 1, 'the lease is settled');
  expect(settled).toEqual([null]);
  expect(edge.noted).toMatchObject([{ status: 499 }]);
});

test('a body whose length is not told beforehand is served as well, and counted once', async () => {
  await using provider = await startProvider('one');
  await using edge = await startCounting(provider.url);
  const { status, body } = await sendInPieces(edge.url, JSON.stringify(chat({ model: 'm' })));
  expect([status, JSON.parse(body).choices[0].message.content]).toEqual([200, 'one says hello']);
  const metrics = await (await edge.ask('/metrics')).text();
  expect(metrics).toContain(
    'leash_http_request_duration_seconds_count{method="POST",route="/v1/chat/completions",status="200"} 1',
  );
});

test('a request by the fast way is counted in the metrics of the server', async () => {
  await using provider = await startProvider('one');
  await using edge = await startCounting(provider.url);
  for (let sent = 0; sent < 3; sent += 1) await (await ask(edge)).text();
  await until(async () => {
    const metrics = await (await edge.ask('/metrics')).text();
    return metrics.includes('route="/v1/chat/completions",status="200"} 3');
  }, 'three are counted');
});

function sendInPieces(url: string, body: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
    const call = request(`${url}/v1/chat/completions`, { method: 'POST', headers }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode, body: text });
    });
    call.on('error', reject);
    call.write(body.slice(0, 10));
    setImmediate(() => call.end(body.slice(10)));
  });
}
