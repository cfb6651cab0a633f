import { request as httpRequest } from 'node:http';
import { expect, test } from 'vitest';
import { type AccessAnswer, accessLogAnswer } from '../../src/admin/answers.ts';
import { Problem } from '../../src/domain/problem.ts';
import { idleView } from '../../src/domain/session.ts';
import { eventually } from '../support/eventually.ts';
import { type HttpEdge, startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const VIEWER = 'a-viewer-of-tests';
const settings = { VIEWER_TOKEN: VIEWER };
const DESTROY = '/api/admin/vllm/destroy';

const willing = () =>
  scriptedSessions({
    list: async () => ({ items: [], next: null }),
    launch: async ({ session }) => ({ created: true, view: idleView(session) }),
    extend: async () => {
      throw new Problem('nothing-to-extend', 'There is no session night.');
    },
    destroy: async ({ session }) => ({ done: true, view: idleView(session) }),
    reap: async () => ({
      ...{ found: 0, destroyed: [], left: [], dryRun: true, expiredOfOthers: [] },
      ...{ suspects: [], suspectSinceMs: {} },
    }),
    machines: { list: async () => [], forget: async () => undefined },
    notifications: { list: async () => ({ items: [], targets: [] }), test: async () => [] },
    hours: { ...scriptedSessions().hours, remove: async () => undefined },
  });

test('every call that changes something is on record: who, by what, what, about what, and how it ended', async () => {
  await using edge = await startHttpEdge({ sessions: willing() });
  await edge.ask('/api/admin/vllm/launch', { json: {} });
  await edge.ask('/api/admin/vllm/extend', { json: { session: 'night', additional_minutes: 5 } });
  await edge.ask(DESTROY, { json: { session: 'night' } });
  await edge.ask('/api/admin/reap', { json: { dry_run: true } });
  await edge.ask('/api/admin/keys', { json: { name: 'app' } });
  await edge.ask('/api/admin/keys/app', { method: 'DELETE' });
  await edge.ask('/api/admin/keys/nobody', { method: 'DELETE' });
  await edge.ask('/api/admin/schedules/office', { method: 'DELETE' });
  await edge.ask('/api/admin/providers/switch', { json: { provider: 'anthropic' } });
  await edge.ask('/api/admin/notifications/test', { method: 'POST' });
  await edge.ask('/api/admin/machines/501', { method: 'DELETE' });
  const items = await logOf(edge);
  expect(
    items.map(({ what, session, subject, status, problem }) => [what, session, subject, status, problem]),
  ).toEqual([
    ['forget-machine', null, '501', 200, null],
    ['test-notifications', null, null, 200, null],
    ['switch-provider', null, 'anthropic', 409, 'conflict'],
    ['remove-schedule', null, 'office', 200, null],
    ['revoke-key', null, 'nobody', 404, 'not-found'],
    ['revoke-key', null, 'app', 200, null],
    ['create-key', null, 'app', 201, null],
    ['reap', null, 'dry run', 200, null],
    ['destroy', 'night', null, 200, null],
    ['extend', 'night', null, 409, 'nothing-to-extend'],
    ['launch', 'default', null, 202, null],
  ]);
  for (const item of items) expect(item).toMatchObject({ role: 'admin', by: 'token', address: '127.0.0.1' });
  expect(Math.abs(Date.now() - Date.parse(items[0]?.at ?? ''))).toBeLessThan(30_000);
});

test('looking leaves no record, and neither does a plan', async () => {
  await using edge = await startHttpEdge({ sessions: willing() });
  await edge.ask('/api/admin/sessions');
  await edge.ask('/api/admin/plan', { json: {} });
  await edge.ask('/api/admin/access-log');
  expect(await logOf(edge)).toEqual([]);
});

test('sign-ins are on record, good ones and others, and what is done by the cookie is told apart', async () => {
  await using edge = await startHttpEdge({ sessions: willing(), settings });
  const signedIn = await signIn(edge, TOKEN);
  await signIn(edge, VIEWER);
  await signIn(edge, 'a-guess-at-it');
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  const own = { cookie, 'sec-fetch-site': 'same-origin' };
  await edge.ask(DESTROY, { token: null, json: {}, headers: own });
  await edge.ask(DESTROY, { token: null, json: {}, headers: { ...own, 'sec-fetch-site': 'cross-site' } });
  expect(
    (await logOf(edge)).map(({ what, role, by, status, problem }) => [what, role, by, status, problem]),
  ).toEqual([
    ['destroy', null, 'cookie', 403, 'forbidden'],
    ['destroy', 'admin', 'cookie', 200, null],
    ['sign-in', null, 'token', 401, 'unauthorized'],
    ['sign-in', 'viewer', 'token', 200, null],
    ['sign-in', 'admin', 'token', 200, null],
  ]);
});

test('who was turned away is on record too, and no body of theirs is', async () => {
  await using edge = await startHttpEdge({ sessions: willing(), settings });
  await edge.ask(DESTROY, { token: VIEWER, json: { session: 'night' } });
  await edge.ask(DESTROY, { token: null, json: { session: 'night' } });
  await edge.ask('/api/admin/keys/app', { token: 'a-guess-at-it', method: 'DELETE' });
  expect(await logOf(edge)).toMatchObject([
    { what: 'revoke-key', role: null, by: 'token', subject: 'app', status: 401, problem: 'unauthorized' },
    { what: 'destroy', role: null, by: null, session: null, status: 401, problem: 'unauthorized' },
    { what: 'destroy', role: 'viewer', by: 'token', session: null, status: 403, problem: 'forbidden' },
  ]);
});

test('a flood of guesses does not fill it, and hides nobody who is known', async () => {
  await using edge = await startHttpEdge({ sessions: willing() });
  for (let guess = 0; guess < 80; guess++) await signIn(edge, `a-guess-at-it-${guess}`);
  await edge.ask(DESTROY, { json: {} });
  const items = await logOf(edge, '?limit=1000');
  expect(items.filter(({ role }) => role === null)).toHaveLength(60);
  expect(items[0]).toMatchObject({ what: 'destroy', role: 'admin' });
});

test('neither tokens nor what no terminal should print get into it', async () => {
  await using edge = await startHttpEdge({ sessions: willing() });
  await edge.ask(`/api/admin/keys/${encodeURIComponent('\u001b[2J')}`, { method: 'DELETE' });
  await edge.ask(DESTROY, { json: { session: { of: 'another shape' } } });
  await signIn(edge, 'a-guess-at-it');
  const text = await (await edge.ask('/api/admin/access-log')).text();
  expect(text).not.toContain('guess');
  expect(text).not.toContain(TOKEN);
  expect(await logOf(edge)).toMatchObject([
    { what: 'sign-in' },
    { what: 'destroy', session: null, problem: 'invalid' },
    { what: 'revoke-key', subject: null },
  ]);
});

test('who hangs up before the answer is on record with what was done', async () => {
  const asked = Promise.withResolvers<void>();
  const hungUp = Promise.withResolvers<void>();
  const sessions = scriptedSessions({
    destroy: async ({ session }) => {
      asked.resolve();
      await hungUp.promise;
      return { done: true, view: idleView(session) };
    },
  });
  await using edge = await startHttpEdge({ sessions });
  const call = httpRequest(`${edge.url}${DESTROY}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
  });
  call.on('error', () => undefined);
  call.end('{"session":"night"}');
  await asked.promise;
  call.destroy();
  await new Promise((resolve) => call.on('close', resolve));
  hungUp.resolve();
  await eventually('it is on record', async () => (await logOf(edge)).length === 1);
  expect(await logOf(edge)).toMatchObject([{ what: 'destroy', session: 'night', status: 200 }]);
});

test('it is for the admin token alone', async () => {
  await using edge = await startHttpEdge({ settings });
  const refused = await edge.ask('/api/admin/access-log', { token: VIEWER });
  expect([refused.status, await refused.json()]).toMatchObject([403, { kind: 'forbidden' }]);
  expect((await edge.ask('/api/admin/access-log', { token: null })).status).toBe(401);
});

test('it is read by call, session and time, page by page', async () => {
  await using edge = await startHttpEdge({ sessions: willing() });
  for (const session of ['one', 'two', 'three']) await edge.ask(DESTROY, { json: { session } });
  await edge.ask('/api/admin/keys', { json: { name: 'app' } });
  expect((await logOf(edge, '?what=destroy&session=two')).map(({ session }) => session)).toEqual(['two']);
  expect(await logOf(edge, '?to=2026-03-01')).toEqual([]);
  const seen: (string | null)[] = [];
  let next: string | null = '';
  while (next !== null) {
    const query: string = `?what=destroy&limit=2${next === '' ? '' : `&after=${next}`}`;
    const page = accessLogAnswer.parse(await (await edge.ask(`/api/admin/access-log${query}`)).json());
    seen.push(...page.items.map(({ session }) => session));
    next = page.next;
  }
  expect(seen).toHaveLength(3);
  expect(new Set(seen)).toEqual(new Set(['one', 'two', 'three']));
});

test.each([
  ['limit=0', 'limit', 'a whole number from 1 to 1000'],
  ['what=look', 'what', expect.stringMatching(/one of sign-in, launch/)],
  ['session=A', 'session', expect.stringMatching(/a session name/)],
  ['after=yesterday', 'after', 'the `next` of the answer before'],
  ['from=yesterday', 'from', expect.stringMatching(/a day such as/)],
  ['from=2026-03-02&to=2026-03-01', 'from', 'a moment before `to`'],
])('the access log with %s is refused with what is allowed', async (query, field, allowed) => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask(`/api/admin/access-log?${query}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ problems: [{ field, allowed }] });
});

async function logOf(edge: HttpEdge, query = ''): Promise<AccessAnswer[]> {
  const answer = await edge.ask(`/api/admin/access-log${query}`);
  return accessLogAnswer.parse(await answer.json()).items;
}

function signIn(edge: HttpEdge, token: string): Promise<Response> {
  return edge.ask('/api/session', { token: null, json: { token } });
}
