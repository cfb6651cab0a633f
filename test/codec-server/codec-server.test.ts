import rateLimit from '@fastify/rate-limit';
import { defaultPayloadConverter } from '@temporalio/common';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { codecApp } from '../../src/codec-server/app.ts';
import { PAYLOADS_MAX } from '../../src/codec-server/payloads.ts';
import { EncryptionCodec } from '../../src/temporal/payload-codec.ts';
import { PayloadKeys } from '../../src/temporal/payload-keys.ts';
import { type HttpEdge, startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { type KeysFile, keysFile } from '../support/payload-keys.ts';

const VIEWER = 'a-viewer-of-tests';
const UI = 'http://127.0.0.1:8233';
const JSON_PAYLOAD = {
  metadata: { encoding: Buffer.from('json/plain').toString('base64') },
  data: Buffer.from('{"model":"m"}').toString('base64'),
};

type Body = { payloads: { metadata: Record<string, string>; data: string }[] };

function anEdge(keys: KeysFile, settings: Record<string, string> = {}) {
  return startHttpEdge({
    settings: {
      LEASH_PAYLOAD_KEYS_FILE: keys.path,
      LEASH_CODEC_ORIGIN: UI,
      VIEWER_TOKEN: VIEWER,
      ...settings,
    },
  });
}

type Call = { payloads?: unknown; token?: string | null; headers?: Record<string, string> };

function call(
  edge: HttpEdge,
  what: string,
  { payloads = [JSON_PAYLOAD], token = TOKEN, headers }: Call = {},
) {
  return edge.ask(`/codec/${what}`, {
    method: 'POST',
    token,
    json: { payloads },
    headers: { 'x-namespace': 'leash', ...headers },
  });
}

async function cookieOf(edge: HttpEdge, token: string): Promise<string> {
  const answer = await edge.ask('/api/session', { method: 'POST', json: { token }, token: null });
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

test('what the endpoint encodes it decodes again, and what is not encrypted comes back as it is', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const encoded = (await (await call(edge, 'encode')).json()) as Body;
  expect(encoded.payloads[0]?.metadata).toEqual({
    encoding: Buffer.from('binary/encrypted').toString('base64'),
    'encryption-key-id': Buffer.from('k1').toString('base64'),
  });
  const answer = await call(edge, 'decode', { payloads: [...encoded.payloads, JSON_PAYLOAD] });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ payloads: [JSON_PAYLOAD, JSON_PAYLOAD] });
  expect(answer.headers.get('cache-control')).toBe('no-store');
});

test('a payload without data, as protobuf writes an empty one, passes through', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const empty = { metadata: { encoding: Buffer.from('binary/null').toString('base64') } };
  const encoded = (await (await call(edge, 'encode', { payloads: [empty] })).json()) as Body;
  const decoded = (await (await call(edge, 'decode', encoded)).json()) as Body;
  expect(decoded.payloads).toEqual([{ ...empty, data: '' }]);
});

test('no payloads at all are decoded to none, as the command line of Temporal asks it', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  for (const json of [{}, { payloads: [] }, { payloads: null }]) {
    const answer = await edge.ask('/codec/decode', { method: 'POST', json });
    expect([json, answer.status, await answer.json()]).toEqual([json, 200, { payloads: [] }]);
  }
  expect((await edge.ask('/codec/decode', { method: 'POST', json: [] })).status).toBe(400);
});

test('the admin encodes and decodes, the viewer decodes, and nobody else does either', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const status = async (what: string, of: Call) => (await call(edge, what, of)).status;
  expect(await status('decode', { token: VIEWER })).toBe(200);
  expect(await status('encode', { token: VIEWER })).toBe(403);
  for (const what of ['decode', 'encode']) {
    expect(await status(what, { token: null })).toBe(401);
    expect(await status(what, { token: 'not-the-token' })).toBe(401);
  }
});

test('a page of the Web UI may call with the cookie of a sign-in, and a page of anybody else may not', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const cookie = await cookieOf(edge, TOKEN);
  const viewers = await cookieOf(edge, VIEWER);
  const from = (origin: string, given = cookie) => ({
    token: null,
    headers: { origin, cookie: given, 'sec-fetch-site': 'same-site' },
  });
  const answer = await call(edge, 'decode', from(UI));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
  expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
  expect(answer.headers.get('vary')).toMatch(/Origin/);
  expect((await call(edge, 'encode', from(UI))).status).toBe(200);
  expect((await call(edge, 'decode', from(UI, viewers))).status).toBe(200);
  expect((await call(edge, 'encode', from(UI, viewers))).status).toBe(403);
  expect((await call(edge, 'decode', from(UI, `${cookie}x`))).status).toBe(401);
  for (const origin of ['http://127.0.0.1:9999', `${UI}.example.org`, 'null']) {
    const refused = await call(edge, 'decode', from(origin));
    expect([origin, refused.status]).toEqual([origin, 403]);
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
  }
});

test('a refusal can be read by the Web UI, so that its page can say why', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const refused = await call(edge, 'decode', { token: null, headers: { origin: UI } });
  expect(refused.status).toBe(401);
  expect(refused.headers.get('access-control-allow-origin')).toBe(UI);
});

test('a preflight is answered to the Web UI alone', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const preflight = (origin: string) =>
    edge.ask('/codec/decode', {
      method: 'OPTIONS',
      token: null,
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-namespace',
      },
    });
  const answer = await preflight(UI);
  expect(answer.status).toBe(204);
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
  expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
  expect(answer.headers.get('access-control-allow-headers')).toMatch(/content-type.*x-namespace/);
  const other = await preflight('http://evil.example');
  expect(other.status).toBe(403);
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
});

test('the origin is that of LEASH_TEMPORAL_UI_URL where none is set; without either no page may call', async () => {
  using keys = keysFile('k1');
  const unset = { LEASH_CODEC_ORIGIN: '' };
  await using known = await anEdge(keys, {
    ...unset,
    LEASH_TEMPORAL_UI_URL: 'https://ui.example.org/temporal',
  });
  const headers = { origin: 'https://ui.example.org' };
  expect((await call(known, 'decode', { headers })).headers.get('access-control-allow-origin')).toBe(
    'https://ui.example.org',
  );
  await using unknown = await anEdge(keys, unset);
  const answer = await call(unknown, 'decode', { headers });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
});

test('without a file of keys there is no endpoint', async () => {
  await using edge = await startHttpEdge();
  expect((await call(edge, 'decode')).status).toBe(404);
});

test('what is no list of payloads is refused with where it is wrong', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const wrong = await call(edge, 'decode', {
    payloads: [JSON_PAYLOAD, { metadata: { encoding: 7 }, data: 'not base64!' }],
  });
  expect(wrong.status).toBe(400);
  expect(await wrong.json()).toMatchObject({
    kind: 'invalid',
    problems: [{ field: 'payloads[1].metadata.encoding' }, { field: 'payloads[1].data', allowed: 'base64' }],
  });
  const many = Array.from({ length: PAYLOADS_MAX + 1 }, () => ({}));
  expect((await call(edge, 'decode', { payloads: many })).status).toBe(400);
  const large = { data: 'A'.repeat(17 * 1_024 * 1_024) };
  expect((await call(edge, 'decode', { payloads: [large] })).status).toBe(413);
});

test('a large payload takes no longer than its bytes, and a wrong one of megabytes is refused', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const data = Buffer.alloc(2 * 1_024 * 1_024, 'x').toString('base64');
  const encoded = (await (await call(edge, 'encode', { payloads: [{ data }] })).json()) as Body;
  expect((await call(edge, 'decode', encoded)).status).toBe(200);
  expect((await call(edge, 'decode', { payloads: [{ data: `${data}!` }] })).status).toBe(400);
});

test('a payload of a key that is not known is refused by the key’s name', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const encoded = (await (await call(edge, 'encode')).json()) as Body;
  keys.write('k2');
  await using other = await anEdge(keys);
  const answer = await call(other, 'decode', encoded);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ detail: expect.stringContaining('key "k1"') });
});

test('nothing that was decoded is logged', async () => {
  using keys = keysFile('k1');
  await using edge = await anEdge(keys);
  const value = defaultPayloadConverter.toPayload('said-to-nobody');
  const data = Buffer.from(value?.data ?? []).toString('base64');
  const encoded = (await (
    await call(edge, 'encode', { payloads: [{ ...JSON_PAYLOAD, data }] })
  ).json()) as Body;
  await call(edge, 'decode', encoded);
  expect(edge.log.join('\n')).not.toMatch(new RegExp(`said-to-nobody|${data}`));
});

test('an address that calls too often is told when to come again', async () => {
  await using app = fastify();
  await app.register(rateLimit, { global: false });
  await app.register(
    codecApp({
      codec: new EncryptionCodec(new PayloadKeys()),
      admit: async () => ({ kind: 'admitted' }),
      signIns: { find: () => null },
      origin: null,
      callsPerMinute: 3,
    }),
  );
  const statuses: number[] = [];
  for (let index = 0; index < 5; index += 1) {
    const answer = await app.inject({ method: 'POST', url: '/decode', payload: { payloads: [] } });
    statuses.push(answer.statusCode);
    if (answer.statusCode === 429) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
});
