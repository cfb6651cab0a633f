import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { chat, MODEL, serveFakeVllm, serveRaw, until } from './upstreams.ts';

const json = { 'content-type': 'application/json' };

test('a body that names its model arrives byte for byte', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  const body = `{ "model":"${MODEL}",\n "seed": 9007199254740993, "messages":[{"role":"user","content":"\\u00e4 ü"}] }`;
  await edge.ask('/v1/chat/completions?trace=1', { method: 'POST', headers: json, body });
  expect(upstream.received[0]?.body.toString()).toBe(body);
  expect(upstream.received[0]?.path).toBe('/v1/chat/completions?trace=1');
});

test('putting the model in changes nothing else, not even the digits of a large number', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  const body = '{"model":"default","seed":9007199254740993,"top_p":0.10,"messages":[]}';
  await edge.ask('/v1/chat/completions', { method: 'POST', headers: json, body });
  expect(upstream.received[0]?.body.toString()).toBe(
    `{"model":"${MODEL}","seed":9007199254740993,"top_p":0.10,"messages":[]}`,
  );
});

test("the instance gets its own key, and neither the caller's key nor cookies", async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  const headers = { cookie: 'session=secret', 'x-api-key': TOKEN, 'x-request-id': 'abc' };
  await edge.ask('/v1/chat/completions', { json: chat(), headers });
  const [seen] = upstream.received;
  expect(seen?.headers).toMatchObject({
    authorization: `Bearer ${edge.installation.instanceKey(upstream.serving.label)}`,
    'x-request-id': 'abc',
  });
  expect(JSON.stringify(seen?.headers)).not.toMatch(new RegExp(`${TOKEN}|session=secret`));
});

test('an instance that refuses our key is 502: the caller had the right one', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge, { apiKeys: ['another'] });
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code: 'upstream_unauthorized' } });
});

test('what vLLM says against a request reaches the caller as it is', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge, { maxModelLen: 64 });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ max_tokens: 100_000 }) });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { type: 'BadRequestError' } });
});

test('headers of the connection and those that speak for the server stay behind', async () => {
  await using edge = await startHttpEdge();
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      connection: 'keep-alive, x-private',
      'x-private': 'of this connection',
      'set-cookie': 'a=b',
      server: 'stranger',
      'x-request-id': 'abc',
      'x-leash-session': 'forged',
    });
    response.end('{"ok":true}');
  });
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(await answer.json()).toEqual({ ok: true });
  const headers = Object.fromEntries(answer.headers);
  expect(headers).toMatchObject({ 'x-request-id': 'abc', 'x-leash-session': 'default' });
  for (const name of ['x-private', 'set-cookie', 'server']) expect(headers[name], name).toBeUndefined();
});

test('a body of 20 MiB goes through whole, one above 32 MiB is 413', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  const bodyOf = (mib: number) => chat({ model: MODEL, padding: 'x'.repeat(mib * 1024 * 1024) });
  const large = await edge.ask('/v1/chat/completions', { json: bodyOf(20) });
  expect(large.status).toBe(200);
  expect(upstream.received[0]?.body.length).toBe(JSON.stringify(bodyOf(20)).length);
  const tooLarge = await edge.ask('/v1/chat/completions', { json: bodyOf(33) });
  expect(tooLarge.status).toBe(413);
  expect(await tooLarge.json()).toMatchObject({ error: { code: 'request_too_large' } });
  expect(upstream.received).toHaveLength(1);
});

test('who sends too much is told on a connection that stays', async () => {
  await using edge = await startHttpEdge();
  const { hostname, port } = new URL(edge.url);
  const socket = connect(Number(port), hostname);
  let said = '';
  socket.on('data', (bytes) => {
    said += bytes.toString();
  });
  const send = async (bytes: Buffer | string) => {
    if (!socket.write(bytes)) await once(socket, 'drain');
  };
  const head = (length: number) =>
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${TOKEN}\r\n` +
    `content-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  const mib = Buffer.alloc(1024 * 1024, 'x');
  await send(head(40 * mib.length));
  for (let sent = 0; sent < 40; sent += 1) await send(mib);
  await send(`${head(2)}{]`);
  const statuses = () => said.match(/HTTP\/1\.1 \d+/g);
  await until(() => statuses()?.length === 2, 'two answers');
  expect(statuses()).toEqual(['HTTP/1.1 413', 'HTTP/1.1 400']);
  socket.destroy();
});

test.each([
  ['is not JSON', { body: '{"model":' }, 400, 'invalid_request'],
  ['is no object', { body: '[1]' }, 400, 'invalid_request'],
  ['is empty', { body: '' }, 400, 'invalid_request'],
  ['names a model that is no string', { body: '{"model":7}' }, 400, 'invalid_request'],
  [
    'is a form',
    { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    415,
    'unsupported_media_type',
  ],
  [
    'is compressed',
    { body: '{}', headers: { ...json, 'content-encoding': 'gzip' } },
    415,
    'unsupported_encoding',
  ],
])('a body that %s is refused before it is sent on', async (_words, init, status, code) => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  const answer = await edge.ask('/v1/chat/completions', { method: 'POST', headers: json, ...init });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ error: { code } });
  expect(upstream.received).toEqual([]);
});

test('a kept-alive connection that closes as it is used again costs the caller nothing', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response, request, count) => {
    if (count === 2) request.socket.destroy();
    else response.end('{}');
  });
  for (const _ of [1, 2]) {
    const answer = await edge.ask('/v1/chat/completions', { json: chat() });
    expect(answer.status).toBe(200);
    await answer.text();
  }
  expect(upstream.received).toHaveLength(3);
});

test('an instance that breaks off before it answers, twice, is 502', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (_response, request) => request.socket.destroy());
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code: 'upstream_reset' } });
  expect(upstream.received).toHaveLength(2);
});

test('an instance that does not begin to answer in time is 504', async () => {
  await using edge = await startHttpEdge({
    deadlines: { connectMs: 5_000, headersMs: 200, betweenChunksMs: 5_000 },
  });
  await using _upstream = await serveRaw(edge, () => {});
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.status).toBe(504);
  expect(await answer.json()).toMatchObject({ error: { code: 'upstream_timeout' } });
});
