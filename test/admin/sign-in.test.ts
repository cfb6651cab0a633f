import { expect, test } from 'vitest';
import { signInAnswer } from '../../src/admin/answers.ts';
import { type Role, SIGN_IN_MS, SignIns } from '../../src/admin/sign-in-cookie.ts';
import { idleView } from '../../src/domain/session.ts';
import { MODEL, serveFakeVllm } from '../gateway/upstreams.ts';
import { type HttpEdge, startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const VIEWER = 'a-viewer-of-tests';
const STATUS = '/api/admin/vllm/status';
const DESTROY = '/api/admin/vllm/destroy';
const OWN_PAGE = { 'sec-fetch-site': 'same-origin' };
const HOUR_MS = 3_600_000;

const idle = () =>
  scriptedSessions({
    status: async (session) => idleView(session),
    destroy: async ({ session }) => ({ done: true, view: idleView(session) }),
    list: async () => ({ items: [], next: null }),
  });

test('the token buys a cookie that no script can read and no other site can send', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const answer = await signIn(edge, TOKEN);
  expect(answer.status).toBe(200);
  const said = signInAnswer.parse(await answer.json());
  expect(said).toMatchObject({ role: 'admin', market: 'vast.ai', version: expect.stringMatching(/^\d+\./) });
  expect(Date.parse(said.expires_at) - Date.now()).toBeLessThanOrEqual(12 * HOUR_MS);
  expect(Date.parse(said.expires_at) - Date.now()).toBeGreaterThan(12 * HOUR_MS - 60_000);
  expect(attributesOf(answer)).toEqual(['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Strict']);
  expect(answer.headers.get('set-cookie')).not.toContain(TOKEN);
  expect(answer.headers.get('cache-control')).toBe('no-store');

  const cookie = cookieIn(answer);
  expect((await edge.ask(STATUS, { token: null, headers: { cookie } })).status).toBe(200);
  const found = await edge.ask('/api/session', { token: null, headers: { cookie } });
  expect(await found.json()).toEqual(said);
});

test('behind a proxy that speaks TLS the cookie is for TLS alone', async () => {
  await using edge = await startHttpEdge();
  const answer = await signIn(edge, TOKEN, { 'x-forwarded-proto': 'https' });
  expect(attributesOf(answer)).toContain('Secure');
});

test.each([
  ['http://127.0.0.1:8700', 'simulated'],
  ['https://console.vast.ai', 'vast.ai'],
  ['https://vast.ai.example.org', 'vast.ai.example.org'],
])('the market at %s is called %s', async (url, market) => {
  await using edge = await startHttpEdge({ settings: { VASTAI_API_URL: url } });
  expect(await (await signIn(edge, TOKEN)).json()).toMatchObject({ market });
});

test("the sign-in tells where Temporal's Web UI shows the installation, where that is set", async () => {
  await using unset = await startHttpEdge();
  expect(await (await signIn(unset, TOKEN)).json()).toMatchObject({ temporal_ui_url: null });
  await using edge = await startHttpEdge({
    settings: { LEASH_TEMPORAL_UI_URL: 'https://temporal.example.org/' },
  });
  expect(await (await signIn(edge, TOKEN)).json()).toMatchObject({
    temporal_ui_url: 'https://temporal.example.org/namespaces/leash',
  });
});

test('wrong tokens are refused, and counted together with those of bearers', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const statuses = [];
  for (let guess = 1; guess <= 11; guess++) {
    const answer =
      guess % 2 ? await signIn(edge, `guess-${guess}`) : await edge.ask(STATUS, { token: `${guess}` });
    expect(answer.headers.get('set-cookie')).toBeNull();
    statuses.push(answer.status);
  }
  expect(statuses).toEqual([...Array(10).fill(401), 429]);
  const refused = await signIn(edge, 'guess-12');
  expect(await refused.json()).toMatchObject({ kind: 'too-many' });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await signIn(edge, TOKEN)).status).toBe(200);
});

test('a sign-in without a token is told what is missing, and nothing that was given is said back', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/session', { token: null, json: { tokn: TOKEN } });
  expect(answer.status).toBe(400);
  const text = await answer.text();
  expect(text).toMatch(/admin token/);
  expect(text).not.toContain(TOKEN);
});

test('without a sign-in nobody is', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/session', { token: null });
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({ kind: 'unauthorized' });
});

test('signing out takes the cookie away', async () => {
  await using edge = await startHttpEdge();
  const cookie = cookieIn(await signIn(edge, TOKEN));
  const out = await edge.ask('/api/session', { method: 'DELETE', token: null, headers: { cookie } });
  expect(out.status).toBe(204);
  expect(out.headers.get('set-cookie')).toMatch(/^leash_session=; Max-Age=0; Path=\/; HttpOnly/);
});

test.each<[string, (edge: HttpEdge, good: string) => string]>([
  ['cut short', (_edge, good) => good.slice(0, -1)],
  ['prolonged', (_edge, good) => good.replace(/\.(\d+)\./, (_all, ms) => `.${Number(ms) + 1}.`)],
  ['without its signature', (_edge, good) => good.replace(/\.[^.]*$/, '.')],
  ['of no role', (_edge, good) => good.replace('admin', 'owner')],
  ['of somebody else’s making', () => 'leash_session=admin'],
  ['of an hour too long ago', (edge) => forged(edge, { token: TOKEN, atMs: Date.now() - 13 * HOUR_MS })],
  ['of a token that has been changed since', (edge) => forged(edge, { token: 'the-token-before' })],
])('a cookie %s opens nothing', async (_words, spoil) => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const cookie = spoil(edge, cookieIn(await signIn(edge, TOKEN)));
  for (const path of [STATUS, '/api/session', '/v1/models']) {
    expect((await edge.ask(path, { token: null, headers: { cookie } })).status).toBe(401);
  }
  expect(edge.sessions.calls).toEqual([]);
});

test('a viewer’s cookie whose role was raised by hand is none', async () => {
  await using edge = await startHttpEdge({ sessions: idle(), settings: { VIEWER_TOKEN: VIEWER } });
  const cookie = cookieIn(await signIn(edge, VIEWER)).replace('viewer', 'admin');
  expect((await edge.ask(STATUS, { token: null, headers: { cookie } })).status).toBe(401);
});

test('another installation’s cookie for the same token is none', async () => {
  await using one = await startHttpEdge({ sessions: idle() });
  await using other = await startHttpEdge({ sessions: idle() });
  const cookie = cookieIn(await signIn(one, TOKEN));
  expect((await other.ask(STATUS, { token: null, headers: { cookie } })).status).toBe(401);
});

test('a sign-in in use is renewed once more than half of it is over, and not before', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  for (const path of [STATUS, '/api/session']) {
    const young = forged(edge, { token: TOKEN, atMs: Date.now() - SIGN_IN_MS / 2 + 60_000 });
    const unchanged = await edge.ask(path, { token: null, headers: { cookie: young } });
    expect([unchanged.status, unchanged.headers.get('set-cookie')]).toEqual([200, null]);

    const old = forged(edge, { token: TOKEN, atMs: Date.now() - SIGN_IN_MS / 2 - 60_000 });
    const renewed = await edge.ask(path, { token: null, headers: { cookie: old } });
    expect(attributesOf(renewed)).toContain('Max-Age=43200');
    expect(cookieIn(renewed)).not.toBe(old);
    expect((await edge.ask(path, { token: null, headers: { cookie: cookieIn(renewed) } })).status).toBe(200);
  }
});

test('what changes something must come from a page of this server', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const cookie = cookieIn(await signIn(edge, TOKEN));
  const post = (headers: Record<string, string>) =>
    edge.ask(DESTROY, { token: null, json: {}, headers: { cookie, ...headers } });

  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'cross-site', origin: edge.url },
    { origin: 'https://elsewhere.example' },
    { origin: edge.url.replace('http:', 'https:') },
    { origin: 'null' },
    {},
  ]) {
    const answer = await post(headers);
    expect([headers, answer.status]).toEqual([headers, 403]);
    expect(await answer.json()).toMatchObject({
      kind: 'forbidden',
      detail: expect.stringMatching(/Origin|Sec-Fetch-Site|came from/),
    });
  }
  expect(edge.sessions.calls).toEqual([]);

  for (const headers of [OWN_PAGE, { origin: edge.url }, { ...OWN_PAGE, origin: 'null' }]) {
    expect((await post(headers)).status).toBe(200);
  }
});

test('a bearer token wins over a cookie, whichever of them is good', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const cookie = cookieIn(await signIn(edge, TOKEN));
  const wrong = await edge.ask(STATUS, { token: 'wrong', headers: { cookie, ...OWN_PAGE } });
  expect(wrong.status).toBe(401);
  const right = await edge.ask(DESTROY, {
    json: {},
    headers: { cookie: 'leash_session=none', 'sec-fetch-site': 'cross-site' },
  });
  expect(right.status).toBe(200);
});

test('a viewer who is signed in may look, and neither change nor spend anything', async () => {
  await using edge = await startHttpEdge({ sessions: idle(), settings: { VIEWER_TOKEN: VIEWER } });
  const answer = await signIn(edge, VIEWER);
  expect(await answer.json()).toMatchObject({ role: 'viewer' });
  const headers = { cookie: cookieIn(answer), ...OWN_PAGE };
  expect((await edge.ask('/api/admin/sessions', { token: null, headers })).status).toBe(200);
  for (const path of [DESTROY, '/v1/chat/completions']) {
    expect([path, (await edge.ask(path, { token: null, json: {}, headers })).status]).toEqual([path, 403]);
  }
  expect(edge.sessions.calls.map(({ name }) => name)).toEqual(['list']);
});

test('the playground talks to the model by the cookie, from our own page alone', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  await using upstream = await serveFakeVllm(edge);
  const cookie = cookieIn(await signIn(edge, TOKEN));
  const chat = (site: string) =>
    edge.ask('/v1/chat/completions', {
      token: null,
      json: { model: MODEL, max_tokens: 2, messages: [{ role: 'user', content: 'Hello' }] },
      headers: { cookie, 'sec-fetch-site': site },
    });
  const foreign = await chat('cross-site');
  expect(foreign.status).toBe(403);
  expect(await foreign.json()).toMatchObject({ error: { code: 'permission_denied' } });
  expect(await upstream.metric('vllm:request_success_total')).toBe(0);

  const answer = await chat('same-origin');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ choices: [expect.anything()] });
  expect(await upstream.metric('vllm:request_success_total')).toBe(1);
  expect((await edge.ask('/v1/models', { token: null, headers: { cookie } })).status).toBe(200);
});

test('no cookie is ever logged', async () => {
  await using edge = await startHttpEdge({ sessions: idle(), settings: { LEASH_LOG_LEVEL: 'trace' } });
  const cookie = cookieIn(await signIn(edge, TOKEN));
  await edge.ask(STATUS, { token: null, headers: { cookie } });
  await edge.ask(DESTROY, { token: null, json: {}, headers: { cookie } });
  expect(edge.log.join('')).not.toContain(cookie.split('.').at(-1));
});

function signIn(edge: HttpEdge, token: string, headers: Record<string, string> = {}): Promise<Response> {
  return edge.ask('/api/session', { token: null, json: { token }, headers });
}

/** Name and value alone, as a browser sends it back. */
function cookieIn(answer: Response): string {
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

function attributesOf(answer: Response): string[] {
  const parts = answer.headers.get('set-cookie')?.split('; ') ?? [];
  return parts.slice(1).sort();
}

/** One this installation would have made for `token` at that time. */
function forged(
  { installation }: HttpEdge,
  { token, atMs = Date.now(), role = 'admin' }: { token: string; atMs?: number; role?: Role },
): string {
  const signIns = new SignIns({ admin: [token], viewer: [] }, installation);
  const request = { headers: {}, socket: null } as unknown as Parameters<SignIns['begin']>[1];
  return signIns.begin({ role, token }, request, atMs).setCookie.split(';')[0] ?? '';
}
