import { expect, test } from 'vitest';
import { startHttpEdge } from '../support/http-edge.ts';
import { startModal, type TestModal } from '../support/modal-api.ts';
import { FAILURES } from '../support/providers.ts';
import { chat, MODEL, serveFakeVllm, serveRaw } from './upstreams.ts';

const settingsFor = (modal: TestModal, more: Record<string, string> = {}) => ({
  MODAL_WEB_URL: modal.url,
  MODAL_TOKEN_ID: 'wk-test',
  MODAL_TOKEN_SECRET: 'ws-test',
  MODAL_MODEL: MODEL,
  ...more,
});

test('Modal comes before Vast.ai, with its own tokens and its own model', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: settingsFor(modal) });
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.headers.get('x-leash-provider')).toBe('modal');
  expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'modal says hello' } }] });
  const [seen] = modal.seen;
  expect(seen?.path).toBe('/v1/chat/completions');
  expect(seen?.body.model).toBe(MODEL);
  expect(seen?.headers).toMatchObject({ 'modal-key': 'wk-test', 'modal-secret': 'ws-test' });
  expect(seen?.headers.authorization).toBeUndefined();
});

test.each([
  ['an answer', {}],
  ['a stream', { stream: true }],
])('%s is waited for while the container starts, over its redirects', async (_form, more) => {
  await using modal = await startModal({ startMs: 600, holdMs: 100 });
  await using edge = await startHttpEdge({ settings: settingsFor(modal) });
  const answer = await edge.ask('/v1/chat/completions', { json: chat(more) });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain('modal says hello'.split(' ')[0]);
  expect(answer.headers.get('x-leash-attempts')).toBe('1');
  expect(modal.starts()).toBe(1);
  const methods = modal.seen.map(({ method }) => method);
  expect(methods[0]).toBe('POST');
  expect(methods.length).toBeGreaterThan(2);
  expect(new Set(methods.slice(1))).toEqual(new Set(['GET']));
});

test('a container that takes longer than GATEWAY_COLD_START_SECONDS is not waited for', async () => {
  await using modal = await startModal({ startMs: 60_000, holdMs: 100 });
  await using edge = await startHttpEdge({
    settings: settingsFor(modal, { GATEWAY_COLD_START_SECONDS: '0.5' }),
    deadlines: { firstEventMs: 300, headersMs: 300 },
  });
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.headers.get('x-leash-provider')).toBe('vastai');
  expect(answer.headers.get('x-leash-tried')).toBe('modal, vastai/default');
});

test('Modal that refuses our tokens does not stand in the way of a session', async () => {
  await using modal = await startModal({ tokenSecret: 'another' });
  await using edge = await startHttpEdge({ settings: settingsFor(modal) });
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ stream: true }) });
  expect(answer.headers.get('x-leash-provider')).toBe('vastai');
  expect(await answer.text()).toMatch(/\[DONE\]/);
});

test('a redirect to another host is not followed: our tokens are for Modal alone', async () => {
  await using modal = await startModal();
  await using other = await startModal();
  modal.behave((response) => void response.writeHead(303, { location: `${other.url}/v1/x` }).end());
  await using edge = await startHttpEdge({ settings: settingsFor(modal) });
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.status).toBe(502);
  expect(other.seen).toEqual([]);
});

test('a redirect that never ends is given up', async () => {
  await using modal = await startModal();
  modal.behave((response, { path }) => void response.writeHead(303, { location: path }).end());
  await using edge = await startHttpEdge({ settings: settingsFor(modal) });
  expect((await edge.ask('/v1/chat/completions', { json: chat() })).status).toBe(502);
  expect(modal.seen.length).toBeLessThan(30);
});

test('what Modal serves is in the list of models, with those of sessions', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: settingsFor(modal, { MODAL_MODEL: 'of/modal' }) });
  await using _vllm = await serveFakeVllm(edge);
  const { data } = (await (await edge.ask('/v1/models')).json()) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toEqual(['of/modal', MODEL]);
});

test('a model that only a session serves goes there, though Modal comes first', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: settingsFor(modal, { MODAL_MODEL: 'of/modal' }) });
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: MODEL }) });
  expect(answer.headers.get('x-leash-provider')).toBe('vastai');
  expect(modal.seen).toEqual([]);
});

test.each<[string, Record<string, string>, number]>([
  ['nobody else answers for it', {}, 500],
  ['Modal’s own model does with GATEWAY_MODEL_FALLBACK', { GATEWAY_MODEL_FALLBACK: 'true' }, 200],
  [
    'one that GATEWAY_MODEL_MAP names for it does',
    { GATEWAY_MODEL_MAP: JSON.stringify({ [MODEL]: { modal: 'of/modal' } }) },
    200,
  ],
])('where the session of a named model fails, %s', async (_words, more, status) => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({
    settings: settingsFor(modal, { MODAL_MODEL: 'of/modal', GATEWAY_ORDER: 'vastai,modal', ...more }),
  });
  await using _broken = await serveRaw(edge, (response) => {
    response.writeHead(500, { 'content-type': 'application/json' });
    response.end('{"error":{"message":"out of memory"}}');
  });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: MODEL }) });
  expect(answer.status).toBe(status);
  if (status === 200) expect(modal.seen[0]?.body.model).toBe('of/modal');
  else expect(modal.seen).toEqual([]);
});

test('a name that callers use is mapped to what each provider calls it', async () => {
  await using modal = await startModal();
  modal.behave(FAILURES['answers 500'] ?? (() => undefined));
  const map = { 'gpt-4o': { modal: 'of/modal', vastai: MODEL }, small: 'default' };
  await using edge = await startHttpEdge({
    settings: settingsFor(modal, { MODAL_MODEL: 'of/modal', GATEWAY_MODEL_MAP: JSON.stringify(map) }),
  });
  await using _vllm = await serveFakeVllm(edge);
  for (const model of ['gpt-4o', 'small']) {
    const answer = await edge.ask('/v1/chat/completions', { json: chat({ model }) });
    expect(answer.headers.get('x-leash-tried')).toBe('modal, vastai/default');
    expect(await answer.json()).toMatchObject({ model: MODEL });
  }
  expect(modal.seen.map(({ body }) => body.model)).toEqual(['of/modal', 'of/modal']);
});

test('the cheapest policy asks a rented GPU before a provider that is paid by the token', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: settingsFor(modal, { GATEWAY_POLICY: 'cheapest' }) });
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.headers.get('x-leash-provider')).toBe('vastai');
});
