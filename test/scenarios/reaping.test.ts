import { expect, test } from 'vitest';
import { connectClient } from '../../src/temporal/connection.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, startStack } from '../support/stack.ts';

const EVERY_SECONDS = 3;
const settings = { LEASH_REAP_INTERVAL_MINUTES: String(EVERY_SECONDS / 60) };

test('a session terminated from outside loses its instance to the reaper, and its reservation is settled', async () => {
  await using stack = await startStack({ settings });
  const { api, books } = stack;
  await api.launched(aLaunch());
  await api.supervised('default');
  const [contract] = await books.ours();
  const { client, close } = await connectClient(stack.temporal);
  await client.workflow.getHandle('session/default').terminate('by an operator').finally(close);
  await books.awaitGone(contract?.id ?? 0, 30_000);
  expect(await api.status('default')).toMatchObject({ state: 'IDLE', outcome: 'terminated' });
  const budget = await eventually(
    'nothing is reserved any more',
    async () => {
      const { body } = await api.admin<{ reserved_usd: number; spent_usd: number }>('GET', 'budget');
      return body.reserved_usd === 0 ? body : null;
    },
    30_000,
  );
  expect(budget.spent_usd).toBeGreaterThan(0);
  expect((await api.launch(aLaunch())).status).toBe(202);
  await api.supervised('default');
  await books.expectAllWell(await api.destroyed('default'));
});

test('an unknown session’s instance goes when two runs saw it so; others’, look-alikes and open sessions’ stay', async () => {
  await using stack = await startStack({ settings });
  const { api, books, owner } = stack;
  await api.launched(aLaunch({ session: 'open' }));
  const open = await api.supervised('open');
  const expiry = Math.ceil(Date.now() / 1_000) + 3_600;
  const [ghost, ...others] = await stack.rentForOthers([
    `leash.${owner}.ghost.abcdefghij.1.x${expiry}`,
    `leash.zzzzzzzzzz.ghost.abcdefghij.1.x${expiry}`,
    `leash.${owner}x.ghost.abcdefghij.1.x${expiry}`,
    `leash.${owner}.ghost`,
    `xleash.${owner}.ghost.abcdefghij.1.x${expiry}`,
    null,
  ]);
  const gone = await books.awaitGone(ghost ?? 0, 40_000);
  // The first run that saw it left it; runs are an interval apart.
  expect((gone.destroy_requested_at ?? 0) - gone.created_at).toBeGreaterThanOrEqual(EVERY_SECONDS - 0.5);
  const { contracts } = await books.read();
  for (const id of others) {
    expect(contracts.find((contract) => contract.id === id)).toMatchObject({ destroy_requested_at: null });
  }
  await books.expectStrangersUntouched();
  expect(await api.status('open')).toMatchObject({ state: 'READY', instance_id: open.instance_id });
  await books.expectReceiptAgrees(await api.destroyed('open'));
});
