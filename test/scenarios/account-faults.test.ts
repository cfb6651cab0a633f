import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** Faults that no label can aim: each test has the market to itself. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());
beforeEach(() => stack.market.clearFaults());

test.each(['reply-lost-before', 'too-many', 'server-error', 'not-json', 'slow-reply'])(
  'a search that answers %s is asked again, and the launch goes on',
  async (fault) => {
    const { api, books } = stack;
    const session = `search-${fault}`;
    await stack.faults({ call: 'search', fault, seconds: 1 });
    await api.launched(aLaunch({ session, max_usd_per_hour: priceNobodyAskedBefore() }));
    await api.supervised(session);
    await books.expectAllWell(await api.destroyed(session));
  },
);

test('a search quota that is used up ends the launch, and the owner is told', async () => {
  const { api, books } = stack;
  await stack.faults({ call: 'search', fault: 'search-quota', times: 0 });
  await api.launched(aLaunch({ session: 'quota', max_usd_per_hour: priceNobodyAskedBefore() }));
  const receipt = await api.ended('quota');
  expect(receipt.outcome).toBe('launch-failed');
  expect(receipt.reason).toMatch(/quota/i);
  expect(await books.ours('quota')).toEqual([]);
});

test('a key that is refused refuses the launch: 502 market-refused', async () => {
  const { api, books } = stack;
  await stack.faults({ call: 'user', fault: 'auth-error', times: 0 });
  const answer = await api.launch(aLaunch({ session: 'wrong-key' }));
  expect(answer.status).toBe(502);
  expect(answer.body).toMatchObject({ kind: 'market-refused' });
  expect(answer.body.detail).toMatch(/\. Check VASTAI_API_KEY/);
  expect(await books.ours('wrong-key')).toEqual([]);
});

test('a market that is merely busy refuses no launch', async () => {
  const { api, books } = stack;
  await stack.faults({ call: 'user', fault: 'too-many', times: 3 });
  await api.launched(aLaunch({ session: 'busy' }));
  await api.supervised('busy');
  await books.expectAllWell(await api.destroyed('busy'));
});

test('a receipt is written though the charges cannot be read, and is not final', async () => {
  const { api, books } = stack;
  await api.launched(aLaunch({ session: 'no-charges' }));
  await api.supervised('no-charges');
  await stack.faults({ call: 'charges', fault: 'server-error', times: 0 });
  const receipt = await api.destroyed('no-charges');
  expect(receipt).toMatchObject({ outcome: 'completed', provider_usd: null, final: false });
  await books.expectAllWell(receipt);
});

test('while a later page of the list fails nothing is called gone', async () => {
  const { api, books } = stack;
  await api.launched(aLaunch({ session: 'paged' }));
  await api.supervised('paged');
  // A page has 25.
  await stack.rentForOthers(Array.from({ length: 26 }, () => null));
  await stack.faults({ call: 'list', fault: 'page-fails', times: 0 });
  await api.destroy('paged');
  const [contract] = await books.ours('paged');
  await books.awaitGone(contract?.id ?? 0, 15_000);
  const status = await api.until(
    'paged',
    'is unconfirmed',
    ({ unconfirmed_for_seconds }) => (unconfirmed_for_seconds ?? 0) > 2,
  );
  expect(status.state).toBe('DESTROYING');
  stack.market.clearFaults();
  await books.expectAllWell(await api.ended('paged'));
});

test('an account without credit refuses the launch: 402 no-credit', async () => {
  const { api, market } = stack;
  market.setCredit(0);
  const answer = await api.launch(aLaunch({ session: 'poor' }));
  market.setCredit(25);
  expect(answer.status).toBe(402);
  expect(answer.body).toMatchObject({ kind: 'no-credit' });
});

test('a market that cannot be reached refuses the launch: 502 market-unreachable', async () => {
  const { api, market } = stack;
  await market.close();
  const answer = await api.launch(aLaunch({ session: 'no-market' }));
  expect(answer.status).toBe(502);
  expect(answer.body).toMatchObject({ kind: 'market-unreachable' });
  expect((await api.status('no-market')).outcome).toBe('launch-failed');
});

/** A search of its own: the same one would be answered from what is shared for 20 s. */
function priceNobodyAskedBefore(): number {
  return 1 + randomInt(1, 1_000_000) / 1e7;
}
