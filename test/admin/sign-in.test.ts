import { expect, test } from 'vitest';
import { makeTickets, TICKET_LIFE_MS } from '../../src/admin/ticket.ts';
import { idleView } from '../../src/domain/session.ts';
import { openInstallation } from '../../src/installation.ts';
import { type HttpEdge, startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const VIEWER = 'a-viewer-of-tests';
const HERE = { 'sec-fetch-site': 'same-origin' };
const STATUS = '/api/admin/vllm/status';
const DESTROY = '/api/admin/vllm/destroy';
const idle = () =>
  scriptedSessions({
    status: async (session) => idleView(session),
    destroy: async ({ session }) => ({ done: true, view: idleView(session) }),
  });

test('a browser that signs in gets a cookie no script reads, and looks and acts with it', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const entered = await signIn(edge, TOKEN);
  expect(entered.status).toBe(200);
  expect(await entered.json()).toMatchObject({ role: 'admin', temporal_ui_url: null, version: '0.1.0' });
  const given = entered.headers.get('set-cookie') ?? '';
  expect(given).toMatch(
    /^leash_session=admin\.\d+\.[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
  );
  expect(given).not.toContain(TOKEN);
  const cookie = cookieOf(entered);
  expect((await edge.ask(STATUS, { token: null, headers: { cookie } })).status).toBe(200);
  const acted = await edge.ask(DESTROY, { token: null, headers: { cookie, ...HERE }, json: {} });
  expect(acted.status).toBe(200);
  const models = await edge.ask('/v1/models', { token: null, headers: { cookie, ...HERE } });
  expect(models.status).toBe(200);
});

test('behind a proxy that speaks TLS the cookie goes by TLS alone', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const entered = await signIn(edge, TOKEN, { 'x-forwarded-proto': 'https' });
  expect(entered.headers.get('set-cookie')).toMatch(/; Secure/);
});

test.each([
  ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
  ['another page of the same site', { 'sec-fetch-site': 'same-site' }],
  ['a foreign origin in an old browser', { origin: 'http://evil.example' }],
  ['an origin that is none', { origin: 'null' }],
  ['nobody who says where it is from', {}],
])('%s changes nothing with the cookie, neither here nor at the gateway', async (_who, headers) => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const cookie = cookieOf(await signIn(edge, TOKEN));
  const refused = await edge.ask(DESTROY, { token: null, headers: { cookie, ...headers }, json: {} });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({
    kind: 'forbidden',
    detail: expect.stringMatching(/not of this server/),
  });
  const chat = await edge.ask('/v1/chat/completions', {
    token: null,
    headers: { cookie, ...headers },
    json: {},
  });
  expect(chat.status).toBe(403);
  expect(edge.sessions.calls).toEqual([]);
});

test('an old browser is known by its origin', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const cookie = cookieOf(await signIn(edge, TOKEN));
  const headers = { cookie, origin: edge.url };
  expect((await edge.ask(DESTROY, { token: null, headers, json: {} })).status).toBe(200);
});

test('no page of another site can sign a browser in', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const answer = await signIn(edge, TOKEN, { 'sec-fetch-site': 'cross-site' });
  expect(answer.status).toBe(403);
  expect(answer.headers.get('set-cookie')).toBeNull();
});

test('a viewer looks and changes nothing', async () => {
  await using edge = await startHttpEdge({ sessions: idle(), settings: { VIEWER_TOKEN: VIEWER } });
  const entered = await signIn(edge, VIEWER);
  expect(await entered.json()).toMatchObject({ role: 'viewer' });
  const cookie = cookieOf(entered);
  expect((await edge.ask(STATUS, { token: null, headers: { cookie } })).status).toBe(200);
  for (const path of [DESTROY, '/v1/chat/completions']) {
    const answer = await edge.ask(path, { token: null, headers: { cookie, ...HERE }, json: {} });
    expect(answer.status).toBe(403);
  }
});

test.each([
  ['no cookie', () => ''],
  [
    'a cookie of somebody else’s making',
    () => 'leash_session=admin.9999999999.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ],
  ['a viewer’s that says admin', (own: string) => own.replace('viewer', 'admin')],
  ['one that was made to last', (own: string) => own.replace(/\.\d+\./, '.9999999999.')],
  ['one cut short', (own: string) => own.slice(0, -1)],
])('%s opens nothing', async (_what, forge) => {
  await using edge = await startHttpEdge({ sessions: idle(), settings: { VIEWER_TOKEN: VIEWER } });
  const cookie = forge(cookieOf(await signIn(edge, VIEWER)));
  expect((await edge.ask(STATUS, { token: null, headers: { cookie } })).status).toBe(401);
  expect((await edge.ask('/api/session', { token: null, headers: { cookie } })).status).toBe(401);
});

test('a cookie ends with its time and with its token', () => {
  const installation = openInstallation({
    home: `${import.meta.dirname}/../../.leash/test/tickets`,
    adminToken: TOKEN,
  });
  const of = (token: string) => makeTickets({ admin: installation.ticketKey(token) });
  const { value } = of(TOKEN).issue('admin', 0);
  expect(of(TOKEN).read(value, TICKET_LIFE_MS - 1)).toEqual({ role: 'admin', expiresAtMs: TICKET_LIFE_MS });
  expect(of(TOKEN).read(value, TICKET_LIFE_MS)).toBeNull();
  expect(of('another-token-of-tests').read(value, 0)).toBeNull();
});

test('wrong tokens are counted with those of every other way in', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  for (let guess = 0; guess < 10; guess++) {
    const answer =
      guess % 2 === 0 ? await signIn(edge, `guess-${guess}`) : await edge.ask(STATUS, { token: 'no' });
    expect(answer.status).toBe(401);
  }
  const refused = await signIn(edge, 'guess-11');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('set-cookie')).toBeNull();
  expect((await signIn(edge, TOKEN)).status).toBe(200);
});

test('signing out takes the cookie from the browser', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const answer = await edge.ask('/api/session', { method: 'DELETE', token: null, headers: HERE });
  expect(answer.status).toBe(204);
  expect(answer.headers.get('set-cookie')).toMatch(/^leash_session=; .*Expires=Thu, 01 Jan 1970/);
});

test('a token of its own wins over the cookie', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const cookie = cookieOf(await signIn(edge, TOKEN));
  const answer = await edge.ask(STATUS, { token: 'wrong', headers: { cookie } });
  expect(answer.status).toBe(401);
});

test('neither token nor cookie is ever logged', async () => {
  await using edge = await startHttpEdge({ sessions: idle(), settings: { LEASH_LOG_LEVEL: 'trace' } });
  const cookie = cookieOf(await signIn(edge, TOKEN));
  await signIn(edge, 'a-wrong-token');
  await edge.ask(DESTROY, { token: null, headers: { cookie }, json: {} });
  expect(edge.log.join('\n')).not.toMatch(new RegExp(`${TOKEN}|a-wrong-token|${cookie.split('.').at(-1)}`));
});

function signIn(edge: HttpEdge, token: string, headers: Record<string, string> = HERE): Promise<Response> {
  return edge.ask('/api/session', { token: null, headers: { ...HERE, ...headers }, json: { token } });
}

function cookieOf(answer: Response): string {
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}
