import { expect, test } from 'vitest';
import { Problem } from '../../src/domain/problem.ts';
import { idleView, type SessionView } from '../../src/domain/session.ts';
import { type HttpEdge, startHttpEdge } from '../support/http-edge.ts';
import { startModal } from '../support/modal-api.ts';
import { type ScriptedSessions, scriptedSessions } from '../support/scripted-sessions.ts';
import { chat, MODEL, serveFakeVllm, until } from './upstreams.ts';

const AUTO = { GATEWAY_AUTO_LAUNCH: 'true', LEASH_MODEL: MODEL };

/** Sessions that take a launch, and are on their way from then on. */
function launchable(state: SessionView['state'] = 'BOOTING'): ScriptedSessions {
  let isLaunched = false;
  return scriptedSessions({
    launch: async ({ session }) => {
      const created = !isLaunched;
      isLaunched = true;
      return { created, view: { ...idleView(session), state, startedAtMs: Date.now() } };
    },
    plan: async () => Promise.reject(new Problem('market-unreachable', 'No answer.')),
    status: async (session) => idleView(session),
  });
}

const launches = ({ sessions }: HttpEdge) => sessions.calls.filter(({ name }) => name === 'launch');
const ask = (edge: HttpEdge, more: Record<string, unknown> = {}) =>
  edge.ask('/v1/chat/completions', { json: chat(more) });

test('a request that finds no GPU launches a session, and is told when to come again', async () => {
  await using edge = await startHttpEdge({ sessions: launchable(), settings: AUTO });
  await (await ask(edge)).text();
  await until(() => launches(edge).length === 1, 'the session is launched');
  expect(launches(edge)[0]?.given).toMatchObject({ session: 'default', request: { model: MODEL } });
  const answer = await ask(edge);
  expect(answer.status).toBe(503);
  // Booting takes minutes: a quarter of an hour would be a lie, and so would five seconds.
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(60);
  expect(Number(answer.headers.get('retry-after'))).toBeLessThan(600);
  expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining('BOOTING') } });
});

test('a herd of requests makes one launch, and all are served when it is READY', async () => {
  await using edge = await startHttpEdge({
    sessions: launchable(),
    settings: { ...AUTO, GATEWAY_WAIT_SECONDS: '20' },
  });
  const herd = Array.from({ length: 50 }, () => ask(edge));
  await until(() => launches(edge).length > 0, 'the session is launched');
  await using _vllm = await serveFakeVllm(edge);
  for (const answer of herd) {
    expect((await answer).status).toBe(200);
    await (await answer).text();
  }
  expect(launches(edge)).toHaveLength(1);
});

test('a request that waits in vain is 503 when its time is up', async () => {
  await using edge = await startHttpEdge({ settings: { GATEWAY_WAIT_SECONDS: '0.3' } });
  const startedMs = Date.now();
  const answer = await ask(edge);
  expect(answer.status).toBe(503);
  expect(Date.now() - startedMs).toBeGreaterThanOrEqual(290);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('who goes away while waiting is forgotten', async () => {
  await using edge = await startHttpEdge({
    sessions: launchable(),
    settings: { ...AUTO, GATEWAY_WAIT_SECONDS: '20', GATEWAY_MAX_CONCURRENT: '1' },
  });
  const caller = new AbortController();
  const waiting = edge.ask('/v1/chat/completions', { json: chat(), signal: caller.signal });
  await until(() => launches(edge).length === 1, 'it waits');
  caller.abort();
  await expect(waiting).rejects.toThrow();
  await using vllm = await serveFakeVllm(edge);
  await until(async () => (await ask(edge)).status === 200, 'its place is free');
  expect(await vllm.metric('vllm:request_success_total')).toBe(1);
});

test('meanwhile the next provider serves', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({
    sessions: launchable(),
    settings: {
      ...AUTO,
      MODAL_WEB_URL: modal.url,
      MODAL_TOKEN_ID: 'wk-test',
      MODAL_TOKEN_SECRET: 'ws-test',
      GATEWAY_ORDER: 'vastai,modal',
    },
  });
  const answer = await ask(edge);
  expect([answer.status, answer.headers.get('x-leash-provider')]).toEqual([200, 'modal']);
  await until(() => launches(edge).length === 1, 'a session is launched all the same');
});

test('nothing is launched while a provider before the GPUs serves, nor for a model that is not ours', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({
    sessions: launchable(),
    settings: { ...AUTO, MODAL_WEB_URL: modal.url, MODAL_TOKEN_ID: 'wk-test', MODAL_TOKEN_SECRET: 'ws-test' },
  });
  expect((await ask(edge)).status).toBe(200);
  expect((await ask(edge, { model: 'another/model' })).status).toBe(404);
  expect(launches(edge)).toEqual([]);
});

test('a launch that is refused for its money says so, and is not tried with every request', async () => {
  const sessions = scriptedSessions({
    launch: async () => Promise.reject(new Problem('over-budget', '$15 of $15 are spent.')),
    // What was refused is over a moment later.
    status: async (session) => ({ ...idleView(session), state: 'DESTROYING' }),
  });
  await using edge = await startHttpEdge({ sessions, settings: AUTO });
  await until(
    async () => (await (await ask(edge)).text()).includes('None could be'),
    'the launch is refused',
  );
  for (let request = 0; request < 5; request += 1) {
    const answer = await ask(edge);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining('$15 of $15') } });
  }
  expect(launches(edge)).toHaveLength(1);
});

test('without GATEWAY_AUTO_LAUNCH nothing is rented by traffic', async () => {
  await using edge = await startHttpEdge({ sessions: launchable() });
  expect((await ask(edge)).status).toBe(503);
  expect(launches(edge)).toEqual([]);
});
