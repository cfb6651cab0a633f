import { expect, test } from 'vitest';
import type { BudgetAnswer } from '../../src/admin/answers.ts';
import { runLeash } from '../cli/run-leash.ts';
import { aLaunch, startStack } from '../support/stack.ts';
import { aServerOfItsOwn } from './own-temporal.ts';

test('a Temporal that is gone for good: everything of ours is ended by label, and the home goes on with another', {
  timeout: 240_000,
}, async () => {
  await using temporal = await aServerOfItsOwn();
  await using stack = await startStack({ temporalAddress: temporal.address });
  const { api, books } = stack;
  const leash = (...args: string[]) =>
    runLeash(args, { env: { ...stack.environment, ADMIN_TOKEN: stack.token, NO_COLOR: '1' } });
  await stack.rentForOthers([null, 'leash.zzzzzzzzzz.work.abcdefghij.1.x9999999999']);
  for (const session of ['one', 'two']) await api.launched(aLaunch({ session }));
  const ids = [(await api.ready('one')).instance_id, (await api.ready('two')).instance_id];
  await stack.stopWorker();
  await temporal.lose();

  // The new Temporal knows nothing of this home: nobody concludes anything from that.
  await expect(stack.startWorker()).rejects.toThrow(/has never known it\..*leash adopt/s);
  const early = await leash('adopt', '--yes');
  expect(early, early.out).toMatchObject({ code: 4, err: expect.stringContaining('--without-temporal') });
  for (const id of ids) expect(early.out).toContain(String(id));
  expect((await books.ours()).map(({ destroy_requested_at }) => destroy_requested_at)).toEqual([null, null]);

  const reaped = await leash('reap', '--without-temporal');
  expect(reaped, reaped.err).toMatchObject({ code: 0, out: expect.stringContaining('2 destroyed, 0 left') });
  await books.expectNoneAlive();
  await books.expectStrangersUntouched();

  // Nobody to ask is no yes.
  expect(await leash('adopt')).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
  expect(await leash('adopt', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('Adopted.') });
  expect(await leash('adopt', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('already') });

  // What the lost ledger knew is read back before anything is granted.
  const charged = (await books.ours()).reduce((sum, { usd }) => sum + usd.total, 0);
  await stack.startWorker();
  const { body: budget } = await api.admin<BudgetAnswer>('GET', 'budget');
  expect(budget.spent_usd).toBeGreaterThanOrEqual(charged * 0.9);
  await api.launched(aLaunch({ session: 'one' }));
  await api.ready('one');
  expect(await api.destroyed('one')).toMatchObject({ outcome: 'completed', reason: 'requested' });
  await books.expectNoneAlive();
  await books.expectStrangersUntouched();
});

test('with no home to go on with, or no key, nothing is adopted', async () => {
  const env = { LEASH_HOME: '/nowhere/at/all', TEMPORAL_ADDRESS: '127.0.0.1:1', NO_COLOR: '1' };
  expect(await runLeash(['adopt', '--yes'], { env })).toMatchObject({
    code: 2,
    err: expect.stringContaining('no installation in'),
  });
  const owned = { ...env, LEASH_OWNER: 'ownerowner' };
  expect(await runLeash(['adopt', '--yes'], { env: owned })).toMatchObject({
    code: 2,
    err: expect.stringContaining('VASTAI_API_KEY is not set'),
  });
});
