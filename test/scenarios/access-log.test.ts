import { expect, test } from 'vitest';
import type { AccessLogAnswer } from '../../src/admin/answers.ts';
import { runLeash } from '../cli/run-leash.ts';
import { aLaunch, startStack } from '../support/stack.ts';

test('who launched, extended and ended a session is known when the server that was asked has been killed', async () => {
  await using stack = await startStack({ settings: { VIEWER_TOKEN: 'a-viewer-of-tests' } });
  const server = await stack.serverProcess();
  const leash = (...args: string[]) =>
    runLeash([...args, '--url', server.api.url], {
      env: { ADMIN_TOKEN: stack.token, NO_COLOR: '1', LEASH_HOME: stack.environment.LEASH_HOME ?? '' },
    });
  const signedIn = await fetch(`${server.api.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: stack.token }),
  });
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';

  const launched = await leash('launch', '--session', 'night', '--budget', '1', '--no-wait');
  expect(launched, launched.err).toMatchObject({ code: 0 });
  const ofPage = { token: null, headers: { cookie, 'sec-fetch-site': 'same-origin' } };
  await server.api.launch(aLaunch({ session: 'other', budget_usd: 99 }), ofPage);
  await server.api.admin('POST', 'vllm/destroy', { session: 'night' }, { token: 'a-viewer-of-tests' });
  const ended = await server.api.admin('POST', 'vllm/destroy', { session: 'night', wait_seconds: 60 });
  expect([200, 202]).toContain(ended.status);
  await server.kill();

  const { body } = await stack.api.admin<AccessLogAnswer>('GET', 'access-log');
  expect(body.items).toMatchObject([
    { what: 'destroy', role: 'admin', by: 'token', session: 'night', problem: null },
    { what: 'destroy', role: 'viewer', by: 'token', status: 403, problem: 'forbidden' },
    { what: 'launch', role: 'admin', by: 'cookie', session: 'other', problem: 'invalid' },
    { what: 'launch', role: 'admin', by: 'token', session: 'night', status: 202, problem: null },
    { what: 'sign-in', role: 'admin', by: 'token', status: 200 },
  ]);

  const run = (...args: string[]) =>
    runLeash(['access-log', ...args, '--url', stack.api.url], {
      env: { ADMIN_TOKEN: stack.token, NO_COLOR: '1' },
    });
  const shown = await run('--session', 'night', '--limit', '1');
  expect(shown, shown.err).toMatchObject({ code: 0 });
  expect(shown.out).toMatch(
    /^at +who +by +from +what +about +outcome\n\S+ +admin +token +127\.0\.0\.1 +destroy +night +done \(20\d\)\n/,
  );
  const [, next = ''] = /There are more: --after (\S+)/.exec(shown.out) ?? [];
  const rest = await run('--session', 'night', '--after', next, '--json');
  expect((JSON.parse(rest.out) as AccessLogAnswer).items.map(({ what }) => what)).toEqual(['launch']);
  expect((await run('--what', 'reap')).out).toBe('Nothing of that kind is on record.\n');
  expect((await run('--what', 'look')).code).toBe(2);
});
