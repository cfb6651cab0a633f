import { expect, test } from 'vitest';
import { openerOf } from '../../src/cli/dashboard.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { runLeash } from './run-leash.ts';

test('dashboard prints where it is and how to sign in, and not the token', async () => {
  await using edge = await startHttpEdge();
  const { code, out } = await runLeash(['dashboard', '--url', edge.url], { env: { ADMIN_TOKEN: TOKEN } });
  expect(out).toContain(`${edge.url}/`);
  expect(out).toMatch(/sign in +with the token in ADMIN_TOKEN/);
  expect(out).not.toContain(TOKEN);
  expect(out).not.toContain('Opened');
  expect(code).toBe(0);
});

test('a token that opens nothing is told before a page is opened', async () => {
  await using edge = await startHttpEdge();
  const { code, err } = await runLeash(['dashboard', '--url', edge.url], { env: { ADMIN_TOKEN: 'wrong' } });
  expect(err).toContain('does not take the admin token from ADMIN_TOKEN');
  expect(code).toBe(4);
});

const terminal = { isTTY: true };

test.each<[why: string, opener: string | null, ...Parameters<typeof openerOf>]>([
  ['a desktop opens it', 'xdg-open', { DISPLAY: ':0' }, 'linux', terminal],
  ['so does a Mac', 'open', {}, 'darwin', terminal],
  ['a terminal without a desktop does not', null, {}, 'linux', terminal],
  ['nor does one far away', null, { DISPLAY: ':10', SSH_CONNECTION: 'a b' }, 'linux', terminal],
  ['nor a pipe', null, { DISPLAY: ':0' }, 'linux', {}],
  ['nor CI', null, { DISPLAY: ':0', CI: 'true' }, 'linux', terminal],
])('%s', (_why, opener, ...where) => {
  expect(openerOf(...where)).toBe(opener);
});
