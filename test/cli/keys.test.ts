import { expect, test } from 'vitest';
import type { KeyCreatedAnswer, KeysAnswer } from '../../src/admin/answers.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { runLeash } from './run-leash.ts';

const env = { ADMIN_TOKEN: TOKEN, NO_COLOR: '1' };

test('keys are made with limits, listed, and revoked by name', async () => {
  await using edge = await startHttpEdge();
  const leash = (...args: string[]) => runLeash(['keys', ...args, '--url', edge.url], { env });
  const made = await leash(
    ...['create', 'app', '--model', 'qwen', '--model', 'opus', '--requests-per-minute', '60'],
    ...[
      '--tokens-per-minute',
      '10000',
      '--budget-usd',
      '2.5',
      '--budget-period',
      'month',
      '--expires',
      '30d',
    ],
  );
  expect(made, made.err).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(/^sk-leash-[\w-]{43}\n/);
  expect(made.out).toMatch(/models +qwen, opus/);
  expect(made.out).toMatch(/limits +60 requests\/min, 10000 tokens\/min, \$2\.50 a month/);
  const listed = await leash('list');
  expect(listed.out).toMatch(/^name +id +token/);
  expect(listed.out).toMatch(/app +key_\w+ +sk-leash-\S{4}….. +until .* qwen, opus .* \$0\.00 +never/);
  const token = made.out.split('\n')[0] ?? '';
  expect(listed.out).not.toContain(token);

  const revoked = await leash('revoke', 'app');
  expect(revoked.out).toMatch(/^app \(key_\w+\) is revoked\.$/m);
  expect((await leash('revoke', 'app')).code).toBe(0);
  expect((await leash('list')).out).toMatch(/no gateway keys/);
  expect((await leash('list', '--all')).out).toMatch(/app .* revoked/);
  expect((await leash('revoke', 'nobody')).code).toBe(4);
});

test('--json is the answer of the API, with the token of a new key', async () => {
  await using edge = await startHttpEdge();
  const made = await runLeash(['keys', 'create', 'app', '--json', '--url', edge.url], { env });
  const key = JSON.parse(made.out) as KeyCreatedAnswer;
  expect(key).toMatchObject({ name: 'app', expires_at: null, budget: null });
  expect(key.token).toMatch(/^sk-leash-/);
  const listed = await runLeash(['keys', 'list', '--json', '--url', edge.url], { env });
  expect((JSON.parse(listed.out) as KeysAnswer).items).toMatchObject([{ id: key.id }]);
});

test.each([
  [['create']],
  [['create', 'app', '--requests-per-minute', '0.5']],
  [['create', 'app', '--budget-usd', '-1']],
  [['create', 'app', '--budget-period', 'day']],
  [['create', 'app', '--budget-usd', '1', '--budget-period', 'year']],
  [['create', 'app', '--expires', 'tomorrow']],
  [['revoke']],
])('keys %j is a mistake of usage', async (args) => {
  expect((await runLeash(['keys', ...args, '--url', 'http://127.0.0.1:9'], { env })).code).toBe(2);
});
