import { expect, test } from 'vitest';
import { startHttpEdge } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';
import { chat, MODEL, serveFakeVllm, serveNothing, serveRaw, until } from './upstreams.ts';

test.each([
  ['names no model', {}],
  ['names the model `default`', { model: 'default' }],
  ['names the model of the session', { model: MODEL }],
])('a request that %s is answered by the session', async (_words, more) => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat(more) });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-leash-provider')).toBe('vastai');
  expect(answer.headers.get('x-leash-session')).toBe('default');
  expect(await answer.json()).toMatchObject({
    model: MODEL,
    choices: [{ message: { role: 'assistant', content: expect.stringMatching(/\w/) } }],
  });
});

test('completions and embeddings are served too', async () => {
  await using edge = await startHttpEdge();
  await using _text = await serveFakeVllm(edge);
  await using _vectors = await serveFakeVllm(edge, { session: 'vectors', model: 'bge', runner: 'pooling' });
  const completion = await edge.ask('/v1/completions', { json: { prompt: 'Once', max_tokens: 4 } });
  expect(await completion.json()).toMatchObject({ object: 'text_completion', model: MODEL });
  const embedding = await edge.ask('/v1/embeddings', { json: { model: 'bge', input: 'a word' } });
  expect(await embedding.json()).toMatchObject({ object: 'list', data: [{ object: 'embedding' }] });
});

test('a model goes to the session that serves it', async () => {
  await using edge = await startHttpEdge();
  await using _one = await serveFakeVllm(edge);
  await using _two = await serveFakeVllm(edge, { session: 'second', model: 'another/model' });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'another/model' }) });
  expect(answer.headers.get('x-leash-session')).toBe('second');
  expect(await answer.json()).toMatchObject({ model: 'another/model' });
});

test('without a model the session named default is used, whichever comes first', async () => {
  await using edge = await startHttpEdge();
  await using _two = await serveFakeVllm(edge, { session: 'a-second', model: 'another/model' });
  await using _one = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.headers.get('x-leash-session')).toBe('default');
});

test('a model that nobody serves is 404 and says which are served', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'gpt-4o' }) });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toEqual({
    error: {
      message: expect.stringContaining(MODEL),
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    },
  });
  expect(upstream.received).toEqual([]);
});

test('without a READY session the answer is 503 with Retry-After', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'whatever' }) });
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await answer.json()).toMatchObject({ error: { code: 'no_ready_session', message: /READY/ } });
});

test('an instance that refuses the connection leaves the table, and another session answers', async () => {
  await using edge = await startHttpEdge();
  await serveNothing(edge, { session: 'a-gone' });
  await using _vllm = await serveFakeVllm(edge, { session: 'b-alive' });
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-leash-session')).toBe('b-alive');
  // What the GPUs cost an hour is asked for beside it.
  const calls = edge.sessions.calls.filter(({ name }) => name !== 'list');
  expect(calls).toEqual([{ name: 'markUnreachable', given: 'a-gone' }]);
});

test('when the only instance refuses the connection the answer is 503, at once', async () => {
  await using edge = await startHttpEdge();
  await serveNothing(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: MODEL }) });
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { code: 'no_ready_session' } });
  expect(edge.sessions.table).toEqual([]);
});

test('an instance that is listed again at once is not asked twice for one request', async () => {
  const refusals: string[] = [];
  const markUnreachable = (session: string) => void refusals.push(session);
  await using edge = await startHttpEdge({ sessions: { ...scriptedSessions(), markUnreachable } });
  await serveNothing(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.status).toBe(503);
  expect(refusals).toEqual(['default']);
});

test('a model whose instance has just gone is 503, and another model does not answer for it', async () => {
  await using edge = await startHttpEdge();
  await serveNothing(edge, { model: 'gone/model' });
  await using other = await serveRaw(edge, (response) => response.end('{}'), { session: 'other' });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'gone/model' }) });
  expect(answer.status).toBe(503);
  expect(other.received).toEqual([]);
});

test('of two sessions with one model the one with less to do is used', async () => {
  await using edge = await startHttpEdge();
  const open: (() => void)[] = [];
  const hold = (response: { end(text: string): void }) => open.push(() => response.end('{}'));
  await using one = await serveRaw(edge, hold, { session: 'one' });
  await using two = await serveRaw(edge, hold, { session: 'two' });
  const answers = [];
  for (let sent = 1; sent <= 4; sent++) {
    answers.push(edge.ask('/v1/chat/completions', { json: chat() }));
    await until(() => one.received.length + two.received.length === sent, `request ${sent} arrives`);
  }
  expect([one.received.length, two.received.length]).toEqual([2, 2]);
  for (const end of open) end();
  for (const answer of answers) await (await answer).text();
});

test('the gateway answers the list of models itself', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  await using _same = await serveRaw(edge, (response) => response.end('{}'), { session: 'same' });
  const list = await edge.ask('/v1/models');
  expect(await list.json()).toEqual({
    object: 'list',
    data: [{ id: MODEL, object: 'model', created: expect.any(Number), owned_by: 'leash' }],
  });
  expect(upstream.received).toEqual([]);
});

test.each([
  ['no key', null],
  ['a wrong key', 'sk-wrong'],
])('%s is refused as OpenAI refuses it', async (_words, token) => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => response.end('{}'));
  const answer = await edge.ask('/v1/chat/completions', { json: chat(), token });
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
  expect(upstream.received).toEqual([]);
});

test('an unknown path below /v1 is 404 in the same shape', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/v1/images/generations', { json: {} });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } });
});
