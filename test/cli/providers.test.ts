import { expect, test } from 'vitest';
import type { ProvidersAnswer } from '../../src/admin/answers.ts';
import { serveFakeVllm } from '../gateway/upstreams.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { startModal } from '../support/modal-api.ts';
import { endJson } from '../support/providers.ts';
import { runLeash } from './run-leash.ts';

const env = { ADMIN_TOKEN: TOKEN, NO_COLOR: '1' };
const MODAL = { MODAL_TOKEN_ID: 'wk-test', MODAL_TOKEN_SECRET: 'ws-test', MODAL_MODEL: 'm' };

test('the providers are listed in their order, with where the traffic goes', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: { ...MODAL, MODAL_WEB_URL: modal.url } });
  await using _vllm = await serveFakeVllm(edge);
  const listed = await runLeash(['providers', '--url', edge.url], { env });
  expect(listed, listed.err).toMatchObject({ code: 0, err: '' });
  expect(listed.out).toMatch(/^provider +state +in flight/);
  expect(listed.out).toMatch(/^modal +healthy/m);
  expect(listed.out).toMatch(/^vastai +healthy/m);
  expect(listed.out).toMatch(/^anthropic +not configured/m);
  expect(listed.out).toContain('A request that names no model goes to modal.');
});

test('a switch moves the traffic, says how to go back, and goes back', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: { ...MODAL, MODAL_WEB_URL: modal.url } });
  await using _vllm = await serveFakeVllm(edge);
  const leash = (...args: string[]) => runLeash(['providers', ...args, '--url', edge.url], { env });
  const switched = await leash('switch', 'vastai', '--session', 'default');
  expect(switched.out).toContain(
    'goes to vastai. Switched to vastai, session default; back with: leash providers switch --back',
  );
  const back = await leash('switch', '--back', '--json');
  expect(JSON.parse(back.out) as ProvidersAnswer).toMatchObject({
    active: 'modal',
    switched_to: { provider: null },
  });
});

test('what failed last is told with its provider', async () => {
  await using modal = await startModal();
  await using edge = await startHttpEdge({ settings: { ...MODAL, MODAL_WEB_URL: modal.url } });
  modal.behave((response) => endJson(response, 500, { error: { message: 'out of order' } }));
  const asked = await edge.ask('/v1/chat/completions', {
    json: { model: 'm', messages: [{ role: 'user', content: 'Hello' }] },
  });
  await asked.text();
  const listed = await runLeash(['providers', '--url', edge.url], { env });
  expect(listed.out).toMatch(/Last errors:\n +modal, .*500/);
});

test.each([[['switch']], [['switch', 'vastai', '--back']]])(
  'providers %j is a mistake of usage',
  async (args) => {
    expect((await runLeash(['providers', ...args, '--url', 'http://127.0.0.1:9'], { env })).code).toBe(2);
  },
);

test('a provider that there is not is refused with those that there are', async () => {
  await using edge = await startHttpEdge();
  const refused = await runLeash(['providers', 'switch', 'nobody', '--url', edge.url], { env });
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('There is no provider "nobody".');
  expect(refused.err).toContain('modal, vastai, anthropic');
});
