import { expect, test } from 'vitest';
import { providersAnswer } from '../../src/admin/answers.ts';
import { idleView } from '../../src/domain/session.ts';
import { type HttpEdge, startHttpEdge } from '../support/http-edge.ts';
import { startModal } from '../support/modal-api.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';
import { chat, MODEL, serveFakeVllm } from './upstreams.ts';

const TOKENS = { MODAL_TOKEN_ID: 'wk-test', MODAL_TOKEN_SECRET: 'ws-test', MODAL_MODEL: MODEL };

async function providerOf(edge: HttpEdge): Promise<string> {
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  await answer.text();
  return answer.headers.get('x-leash-provider') ?? String(answer.status);
}

/** Holds a session that was placed as one launched with `auto_switch: false`. */
function hold(edge: HttpEdge): void {
  edge.sessions.table.splice(
    0,
    edge.sessions.table.length,
    ...edge.sessions.table.map((each) => ({ ...each, autoSwitch: false })),
  );
}

const switchTo = (edge: HttpEdge, body: Record<string, unknown>) =>
  edge.ask('/api/admin/providers/switch', { json: body });

test('a session launched with auto_switch false gets no traffic before it is switched to', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  hold(edge);
  expect(await providerOf(edge)).toBe('503');
  const answer = await switchTo(edge, { provider: 'vastai', session: 'default' });
  expect(answer.status).toBe(200);
  expect(providersAnswer.parse(await answer.json())).toMatchObject({
    active: 'vastai',
    switched_to: { provider: 'vastai', session: 'default' },
  });
  expect(await providerOf(edge)).toBe('vastai');
});

test('traffic stays where it is until the switch, and goes back with the next', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({
    settings: { ...TOKENS, MODAL_WEB_URL: modal.url, GATEWAY_ORDER: 'vastai,modal' },
  });
  await using _vllm = await serveFakeVllm(edge);
  hold(edge);
  expect(await providerOf(edge)).toBe('modal');
  await switchTo(edge, { provider: 'vastai', session: 'default' });
  expect(await providerOf(edge)).toBe('vastai');
  await switchTo(edge, { provider: 'modal' });
  expect(await providerOf(edge)).toBe('modal');
  await switchTo(edge, { provider: null });
  expect(await providerOf(edge)).toBe('vastai');
});

test('the provider switched to is first, and the others still stand behind it', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: { ...TOKENS, MODAL_WEB_URL: modal.url } });
  await using _vllm = await serveFakeVllm(edge);
  expect(await providerOf(edge)).toBe('modal');
  await switchTo(edge, { provider: 'vastai' });
  expect(await providerOf(edge)).toBe('vastai');
  edge.sessions.table.splice(0);
  expect(await providerOf(edge)).toBe('modal');
});

test.each([
  ['a provider there is none of', { provider: 'azure' }, 400],
  ['one that is not configured', { provider: 'anthropic' }, 409],
  ['a session that is not READY', { provider: 'vastai', session: 'gone' }, 409],
  ['a session of a provider that has none', { provider: 'modal', session: 'default' }, 400],
])('%s cannot be switched to', async (_words, body, status) => {
  await using edge = await startHttpEdge();
  const answer = await switchTo(edge, body);
  expect(answer.status).toBe(status);
});

test('each provider is shown with what is known of it', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: { ...TOKENS, MODAL_WEB_URL: modal.url } });
  await using _vllm = await serveFakeVllm(edge);
  expect(await providerOf(edge)).toBe('modal');
  await modal.die();
  expect(await providerOf(edge)).toBe('vastai');
  const { items, active } = providersAnswer.parse(await (await edge.ask('/api/admin/providers')).json());
  expect(active).toBe('modal');
  expect(items.map(({ provider, configured, healthy }) => [provider, configured, healthy])).toEqual([
    ['modal', true, true],
    ['vastai', true, true],
    ['anthropic', false, false],
  ]);
  expect(items[0]).toMatchObject({
    breaker: 'closed',
    models: [MODEL],
    in_flight: 0,
    last_error: { kind: 'unreachable' },
    latency_ms: { of: 1, p50: expect.any(Number), p95: expect.any(Number) },
  });
  expect(items[1]).toMatchObject({ targets: [{ session: 'default', requests: 1, in_flight: 0 }] });
  expect(JSON.stringify(items)).not.toMatch(/wk-test|ws-test/);
});

test('a session’s status says where its traffic goes now', async () => {
  await using modal = await startModal();
  const sessions = scriptedSessions({ status: async (session) => ({ ...idleView(session) }) });
  await using edge = await startHttpEdge({ sessions, settings: { ...TOKENS, MODAL_WEB_URL: modal.url } });
  const status = await (await edge.ask('/api/admin/vllm/status')).json();
  expect(status).toMatchObject({ state: 'IDLE', provider: 'modal' });
});
