import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** What goes wrong with the one call that costs money and has no idempotency key. */

let stack: Stack;
beforeAll(async () => {
  // What was given up unseen and shows later is the reaper's: it looks often here.
  stack = await startStack({ settings: { LEASH_REAP_INTERVAL_MINUTES: '0.05' } });
});
afterAll(() => stack[Symbol.asyncDispose]());

type Case = {
  readonly session: string;
  readonly behaviour: string;
  readonly faults: readonly object[];
  /** Kinds of failed attempts before the one that serves. */
  readonly failed: readonly string[];
  readonly contracts: number;
};

const SERVED: readonly Case[] = [
  {
    session: 'lost-before',
    behaviour: 'a create that never arrived is looked for, given up and made anew',
    faults: [{ fault: 'reply-lost-before' }],
    failed: ['create-unknown'],
    contracts: 1,
  },
  {
    session: 'lost-after',
    behaviour: 'an instance whose create was not answered is adopted, and none is rented beside it',
    faults: [{ fault: 'reply-lost-after' }],
    failed: [],
    contracts: 1,
  },
  {
    session: 'slow',
    behaviour: 'a slow answer is waited for',
    faults: [{ fault: 'slow-reply', seconds: 2 }],
    failed: [],
    contracts: 1,
  },
  {
    session: 'late',
    behaviour: 'a create that is processed late is waited for',
    faults: [{ fault: 'late', seconds: 2 }],
    failed: [],
    contracts: 1,
  },
  {
    session: 'not-json',
    behaviour: 'an answer that is no answer counts as none: the instance behind it is adopted',
    faults: [{ fault: 'not-json' }],
    failed: [],
    contracts: 1,
  },
  {
    session: 'too-many',
    behaviour: 'too many calls fail nothing: the create is sent again in its turn',
    faults: [{ fault: 'too-many', times: 2 }],
    failed: [],
    contracts: 1,
  },
  {
    session: 'offer-gone',
    behaviour: 'an offer taken by somebody else is followed by the next',
    faults: [{ fault: 'offer-gone', times: 2 }],
    failed: ['offer-gone', 'offer-gone'],
    contracts: 1,
  },
  {
    session: 'refused',
    behaviour:
      'a refusal that made a contract all the same is known, and given back before the next is rented',
    faults: [{ fault: 'refused-with-contract' }],
    failed: ['stopped-by-provider'],
    contracts: 2,
  },
  {
    session: 'listed-late',
    behaviour: 'an instance that is listed late is waited for',
    faults: [{ fault: 'listed-late', seconds: 2 }],
    failed: [],
    contracts: 1,
  },
  {
    session: 'lost-and-late',
    behaviour: 'an instance neither answered for nor listed at once is adopted while the create settles',
    faults: [{ fault: 'reply-lost-after' }, { fault: 'listed-late', seconds: 1.5 }],
    failed: [],
    contracts: 1,
  },
];

describe.concurrent('a create goes wrong, and the session is served', () => {
  test.each(SERVED)('$behaviour', async ({ session, faults, failed, contracts }) => {
    const { api, books } = stack;
    await inject(session, faults);
    await api.launched(aLaunch({ session }));
    const ready = await api.supervised(session);
    expect(failuresOf(ready.attempts)).toEqual(failed);
    const receipt = await api.destroyed(session);
    expect(receipt).toMatchObject({ outcome: 'completed', reason: 'requested' });
    expect(await books.ours(session)).toHaveLength(contracts);
    await books.expectAllWell(receipt);
  });

  test('a server error of the market leaves one instance, whether or not it was made behind it', async () => {
    const { api, books } = stack;
    const session = 'server-error';
    await inject(session, [{ fault: 'server-error' }]);
    await api.launched(aLaunch({ session }));
    await api.supervised(session);
    const alive = (await books.ours(session)).filter(({ destroyed_at }) => destroyed_at === null);
    expect(alive).toHaveLength(1);
    await books.expectAllWell(await api.destroyed(session));
  });
});

describe.concurrent('a create shows that the account cannot rent, and the launch stops', () => {
  test.each([
    { session: 'no-credit', fault: 'no-credit', kind: 'no-credit', says: /credit/i },
    { session: 'spend-rate', fault: 'spend-rate', kind: 'spend-rate', says: /limits how fast/i },
    { session: 'auth', fault: 'auth-error', kind: 'auth', says: /VASTAI_API_KEY/ },
  ])('$fault: one attempt, nothing rented, and its owner is told', async ({ session, fault, kind, says }) => {
    const { api, books } = stack;
    await inject(session, [{ fault }]);
    await api.launched(aLaunch({ session }));
    const receipt = await api.ended(session);
    expect(receipt.outcome).toBe('launch-failed');
    expect(receipt.reason).toMatch(says);
    expect(failuresOf(receipt.attempts)).toEqual([kind]);
    expect(receipt.attempts.at(-1)?.failure?.whose).toBe('account');
    expect(await books.ours(session)).toEqual([]);
    expect(receipt.usd.total).toBe(0);
  });
});

test('an instance that is never listed is destroyed by its id before another is rented', async () => {
  const { api, books } = stack;
  const session = 'never-listed';
  await inject(session, [{ fault: 'never-listed' }]);
  await api.launched(aLaunch({ session }));
  const ready = await api.supervised(session);
  expect(failuresOf(ready.attempts)).toEqual(['vanished']);
  const receipt = await api.destroyed(session);
  const contracts = await books.ours(session);
  expect(contracts).toHaveLength(2);
  // No row ever told what it cost, so the receipt cannot agree on that one; both are gone all the same.
  expect(new Set(receipt.instances.map(({ instance_id }) => instance_id))).toEqual(
    new Set(contracts.map(({ id }) => id)),
  );
  await books.expectNoneAlive(session);
  await books.expectNoDoubleRent();
  await books.expectStrangersUntouched();
});

test('an instance that shows only after it was given up is destroyed, while the session is served from another', async () => {
  const { api, books } = stack;
  const session = 'given-up';
  await inject(session, [{ fault: 'reply-lost-after' }, { fault: 'listed-late', seconds: 6 }]);
  await api.launched(aLaunch({ session }));
  const ready = await api.supervised(session);
  expect(failuresOf(ready.attempts)).toEqual(['create-unknown']);
  const [first] = await books.ours(session);
  await books.awaitGone(first?.id ?? 0, 20_000);
  expect((await api.status(session)).state).toBe('READY');
  const receipt = await api.destroyed(session);
  await books.expectNoneAlive(session);
  // Seen by the session or not before the reaper ended it, its label is in the receipt; its cost is the audit's to find.
  expect(receipt.instances.map(({ label }) => label)).toContain(first?.label);
  await books.expectStrangersUntouched();
});

function inject(session: string, faults: readonly object[]): Promise<void> {
  return stack.faults(
    ...faults.map((fault) => ({ call: 'create', label_prefix: stack.labelPrefix(session), ...fault })),
  );
}

/** Without those that found the machine taken by a neighbour: they cost no create. */
function failuresOf(attempts: readonly { failure: { kind: string } | null }[]): string[] {
  return attempts.flatMap(({ failure }) =>
    failure === null || failure.kind === 'machine-taken' ? [] : [failure.kind],
  );
}
