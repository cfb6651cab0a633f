import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openAuthority } from '../../src/certificates.ts';
import { ANSWER_BYTES_MAX } from '../../src/vllm/exchange.ts';
import { askModels, generateOneToken, isServing, readUsage } from '../../src/vllm/probe.ts';
import { type Usage, wasUsedSince } from '../../src/vllm/usage.ts';
import { type IMPOSTORS, startImpostor } from '../support/impostors.ts';
import { closedEndpoint, listenHttp, listenTcp, listenVllm } from './listening.ts';

const SOON = { timeoutMs: 5_000 };
/** Its certificate ends with it, long ago. */
const ENDED_LABEL = 'leash.aaaaaaaaaa.default.bbbbbbbbbb.1.x1000000000';
const AT_ONCE = { timeoutMs: 150 };
const pem = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

describe('READY', () => {
  test('a server that takes our key, names the model and generates a token is READY', async () => {
    await using vllm = await listenVllm();
    expect(await isServing(vllm.endpoint, 'key', 'tiny', SOON)).toEqual({ kind: 'serving' });
    expect(await readUse(vllm.endpoint)).toMatchObject({ requestsFinished: 1, modelsCalls: 1 });
  });

  test('a pooling model is READY with one embedding', async () => {
    await using vllm = await listenVllm({ runner: 'pooling' });
    expect(await isServing(vllm.endpoint, 'key', 'tiny', { ...SOON, isPooling: true })).toEqual({
      kind: 'serving',
    });
    expect(await isServing(vllm.endpoint, 'key', 'tiny', SOON)).toMatchObject({ kind: 'not-serving' });
  });

  test('the base URL as callers know it, with /v1, is as good', async () => {
    await using vllm = await listenVllm();
    expect(await isServing(`${vllm.endpoint}/v1`, 'key', 'tiny', SOON)).toEqual({ kind: 'serving' });
  });

  test('a server of another model is not READY, and says which it serves', async () => {
    await using vllm = await listenVllm({ servedModelNames: ['other'] });
    expect(await isServing(vllm.endpoint, 'key', 'tiny', SOON)).toMatchObject({
      kind: 'not-serving',
      why: 'it serves other, not tiny',
    });
  });

  test("a server with another key is a stranger's", async () => {
    await using vllm = await listenVllm({ apiKeys: ['another'] });
    expect(await isServing(vllm.endpoint, 'key', 'tiny', SOON)).toEqual({ kind: 'unauthorized' });
    expect(await generateOneToken(vllm.endpoint, 'key', 'tiny', SOON)).toEqual({ kind: 'unauthorized' });
  });

  test('a proxy that only answers /health is not READY', async () => {
    await using proxy = await listenHttp((request, response) => {
      response.writeHead(request.url === '/health' ? 200 : 502).end();
    });
    expect(await isServing(proxy.endpoint, 'key', 'tiny', SOON)).toMatchObject({
      kind: 'not-serving',
      why: '/v1/models answers 502',
    });
  });

  test('a server that names the model but cannot generate is not READY', async () => {
    await using dead = await listenHttp(
      answering({
        '/v1/models': [200, { data: [{ id: 'tiny' }] }],
        '/v1/chat/completions': [500, { error: { message: 'EngineCore encountered\n an issue' } }],
      }),
    );
    expect(await isServing(dead.endpoint, 'key', 'tiny', SOON)).toMatchObject({
      kind: 'not-serving',
      why: '/v1/chat/completions answers 500: EngineCore encountered an issue',
    });
  });

  test('a cold server gets longer for its first token than for naming its models', async () => {
    await using cold = await listenHttp((request, response) => {
      if (request.url === '/v1/models') return sendJson(response, 200, { data: [{ id: 'tiny' }] });
      setTimeout(() => sendJson(response, 200, ONE_TOKEN), 800);
    });
    expect(await isServing(cold.endpoint, 'key', 'tiny', { timeoutMs: 500 })).toEqual({ kind: 'serving' });
    expect(
      await isServing(cold.endpoint, 'key', 'tiny', { timeoutMs: 500, tokenTimeoutMs: 100 }),
    ).toMatchObject({
      kind: 'not-serving',
      why: 'no answer within 100 ms',
    });
  });
});

describe('one token', () => {
  test('a base model without a chat template is asked for a plain completion', async () => {
    await using base = await listenHttp(
      answering({
        '/v1/chat/completions': [400, { error: { message: 'you must provide a chat template' } }],
        '/v1/completions': [200, ONE_TOKEN],
      }),
    );
    expect(await generateOneToken(base.endpoint, 'key', 'tiny', SOON)).toEqual({ kind: 'generated' });
  });

  test('an answer without a token in it proves nothing', async () => {
    for (const empty of [{}, { choices: [] }, { ...ONE_TOKEN, usage: { completion_tokens: 0 } }]) {
      await using server = await listenHttp(answering({ '/v1/chat/completions': [200, empty] }));
      expect(await generateOneToken(server.endpoint, 'key', 'tiny', SOON)).toMatchObject({
        kind: 'not-serving',
        why: '/v1/chat/completions answers 200, but generated nothing',
      });
    }
  });

  test('a model the server does not know is said to be unknown', async () => {
    await using vllm = await listenVllm();
    expect(await generateOneToken(vllm.endpoint, 'key', 'other', SOON)).toMatchObject({
      kind: 'not-serving',
      why: expect.stringContaining('`other` does not exist'),
    });
  });
});

describe('a look at what is no vLLM', () => {
  test.each([
    ['a page', 'It works!'],
    ['half an answer', '{"data":[{"id":"ti'],
    ['another list', '{"data":[{"name":"tiny"}]}'],
  ])('%s with status 200 names no models', async (_what, body) => {
    await using server = await listenHttp((_request, response) => response.end(body));
    expect(await askModels(server.endpoint, 'key', SOON)).toEqual({
      kind: 'not-serving',
      why: '/v1/models answers 200, but with no list of models',
      isOurFault: false,
      isUntrusted: false,
      wasAnswered: true,
    });
  });

  test('a redirect is not followed, and the key goes nowhere else', async () => {
    const asked: string[] = [];
    await using elsewhere = await listenHttp((request, response) => {
      asked.push(request.url ?? '');
      sendJson(response, 200, { data: [{ id: 'tiny' }] });
    });
    await using server = await listenHttp((_request, response) => {
      response.writeHead(307, { location: `${elsewhere.endpoint}/v1/models` }).end();
    });
    expect(await askModels(server.endpoint, 'key', SOON)).toMatchObject({ why: '/v1/models answers 307' });
    expect(asked).toEqual([]);
  });

  test('an answer without end is given up, not kept', async () => {
    await using server = await listenHttp((_request, response) => {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', pour);
      pour();
    });
    expect(await askModels(server.endpoint, 'key', SOON)).toMatchObject({
      kind: 'not-serving',
      why: expect.stringContaining(`longer than ${ANSWER_BYTES_MAX} bytes`),
    });
  });

  test('a server that trickles its answer runs into the deadline of the whole call', async () => {
    await using server = await listenHttp((_request, response) => {
      response.writeHead(200);
      const trickle = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(trickle));
    });
    expect(await askModels(server.endpoint, 'key', AT_ONCE)).toMatchObject({
      why: 'no answer within 150 ms',
    });
  });

  test('a port that takes connections and says nothing runs into the deadline', async () => {
    await using silent = await listenTcp(() => undefined);
    expect(await askModels(silent.endpoint, 'key', AT_ONCE)).toMatchObject({
      kind: 'not-serving',
      why: 'no answer within 150 ms',
      isOurFault: false,
      wasAnswered: false,
    });
  });

  test('a port that hangs up, or speaks something else, is not serving', async () => {
    await using rude = await listenTcp((socket) => socket.destroy());
    await using ssh = await listenTcp((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
    for (const { endpoint } of [rude, ssh]) {
      expect(await askModels(endpoint, 'key', SOON)).toMatchObject({
        kind: 'not-serving',
        isOurFault: false,
        wasAnswered: false,
      });
    }
  });

  test('a closed port is said to refuse connections', async () => {
    expect(await askModels(await closedEndpoint(), 'key', SOON)).toEqual({
      kind: 'not-serving',
      why: 'the port refuses connections (ECONNREFUSED)',
      isOurFault: false,
      isUntrusted: false,
      wasAnswered: false,
    });
  });

  test('an address that our own network cannot send to is counted against our looking', async () => {
    expect(await askModels('http://255.255.255.255:8000', 'key', SOON)).toMatchObject({
      kind: 'not-serving',
      isOurFault: true,
      wasAnswered: false,
    });
  });

  test('a look that we call off ourselves says nothing of the instance', async () => {
    await using silent = await listenTcp(() => undefined);
    const looker = new AbortController();
    const look = askModels(silent.endpoint, 'key', { ...SOON, signal: looker.signal });
    looker.abort(new Error('worker shuts down'));
    await expect(look).rejects.toThrow('worker shuts down');
    await expect(
      isServing(silent.endpoint, 'key', 'tiny', { ...SOON, signal: looker.signal }),
    ).rejects.toThrow('worker shuts down');
  });
});

describe('TLS', () => {
  const tls = { caPem: pem('authority.pem'), serverName: '3f2a.instance.test' };
  const server = { tls: { key: pem('instance-key.pem'), cert: pem('instance.pem') } };

  test('an instance with the certificate made for it is trusted at any address', async () => {
    await using vllm = await listenVllm(server);
    expect(await isServing(vllm.endpoint, 'key', 'tiny', { ...SOON, tls })).toEqual({ kind: 'serving' });
    const byName = vllm.endpoint.replace('127.0.0.1', 'localhost');
    expect(await isServing(byName, 'key', 'tiny', { ...SOON, tls })).toEqual({ kind: 'serving' });
  });

  test("another instance's certificate of the same authority is not", async () => {
    await using vllm = await listenVllm(server);
    const other = { ...tls, serverName: 'ffff.instance.test' };
    const answer = await isServing(vllm.endpoint, 'key', 'tiny', { ...SOON, tls: other });
    expect(answer).toMatchObject({ why: expect.stringContaining("another instance's") });
  });

  test('nor is a certificate of another authority, however it is named', async () => {
    await using vllm = await listenVllm(server);
    expect(await isServing(vllm.endpoint, 'key', 'tiny', SOON)).toMatchObject({
      why: expect.stringContaining('not of our authority'),
    });
  });

  test.each<[(typeof IMPOSTORS)[number], RegExp]>([
    ['plain HTTP', /does not speak TLS/],
    ['another authority', /not of our authority/],
    ['another instance', /another instance's/],
    ['an expired certificate', /has expired/],
  ])('who answers with %s is told apart in plain words, and never sees the key', async (kind, says) => {
    const home = mkdtempSync(join(tmpdir(), 'leash-pinned-'));
    try {
      const pinned = (await openAuthority({ home, issues: true })).pinOf(ENDED_LABEL);
      await using impostor = await startImpostor(kind, { home, label: ENDED_LABEL });
      const look = { ...SOON, tls: pinned };
      const secure = `https://${impostor.address}`;
      const asked = [
        await isServing(secure, 'sk-the-key', 'tiny', look),
        await askModels(secure, 'sk-the-key', look),
        await generateOneToken(secure, 'sk-the-key', 'tiny', look),
      ];
      for (const answer of asked)
        expect(answer).toMatchObject({
          why: expect.stringMatching(says),
          isUntrusted: true,
          isOurFault: false,
        });
      expect(await readUsage(secure, look)).toMatchObject({ kind: 'unreadable' });
      expect(impostor.connections()).toBe(4);
      expect(impostor.heard).toEqual([]);
      // The same impostor hears all of it where nothing is pinned to TLS: the test would notice.
      if (kind === 'plain HTTP') {
        await askModels(`http://${impostor.address}`, 'sk-the-key', SOON);
        expect(impostor.heard.join()).toContain('sk-the-key');
      }
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

describe('use', () => {
  test('our own probe is not use, and one request of anybody else is', async () => {
    await using vllm = await listenVllm();
    const before = await readUse(vllm.endpoint);
    await isServing(vllm.endpoint, 'key', 'tiny', SOON);
    const afterProbe = await readUse(vllm.endpoint);
    expect(wasUsedSince(before, afterProbe, 1)).toBe(false);
    await generateOneToken(vllm.endpoint, 'key', 'tiny', SOON);
    expect(wasUsedSince(afterProbe, await readUse(vllm.endpoint), 0)).toBe(true);
  });

  test('only callers with the key move the count of calls for models', async () => {
    await using vllm = await listenVllm();
    await askModels(vllm.endpoint, 'wrong', SOON);
    expect(await readUse(vllm.endpoint)).toMatchObject({ modelsCalls: 0 });
    await askModels(vllm.endpoint, 'key', SOON);
    expect(await readUse(vllm.endpoint)).toMatchObject({ modelsCalls: 1 });
  });

  test('the key is not sent to the page that is open to all', async () => {
    const keys: (string | undefined)[] = [];
    await using server = await listenHttp((request, response) => {
      keys.push(request.headers.authorization);
      response.end();
    });
    await readUsage(server.endpoint, SOON);
    expect(keys).toEqual([undefined]);
  });

  test('a page that cannot be had is unreadable, and says why', async () => {
    await using missing = await listenHttp((_request, response) => response.writeHead(404).end());
    expect(await readUsage(missing.endpoint, SOON)).toEqual({
      kind: 'unreadable',
      why: '/metrics answers 404',
    });
    expect(await readUsage(await closedEndpoint(), SOON)).toEqual({
      kind: 'unreadable',
      why: 'the port refuses connections (ECONNREFUSED)',
    });
  });
});

const ONE_TOKEN = { choices: [{ index: 0, message: { content: '' } }], usage: { completion_tokens: 1 } };

async function readUse(endpoint: string): Promise<Usage> {
  const usage = await readUsage(endpoint, SOON);
  if (usage.kind !== 'usage') throw new Error(usage.why);
  return usage;
}

function answering(routes: Readonly<Record<string, readonly [number, unknown]>>) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const [status, body] = routes[request.url ?? ''] ?? [404, {}];
    sendJson(response, status, body);
  };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
