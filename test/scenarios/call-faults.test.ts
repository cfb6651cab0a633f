import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** What goes wrong with the calls around a create: search, account, lists, reads, destroys, charges. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());

describe.concurrent('a destroy goes wrong, and the instance is given back all the same', () => {
  test.each([
    { name: 'lost-before', faults: [{ fault: 'reply-lost-before' }] },
    { name: 'lost-after', faults: [{ fault: 'reply-lost-after' }] },
    { name: 'late', faults: [{ fault: 'late', seconds: 2 }] },
    { name: 'slow', faults: [{ fault: 'slow-reply', seconds: 2 }] },
    { name: 'too-many', faults: [{ fault: 'too-many', times: 2 }] },
    { name: 'server-error', faults: [{ fault: 'server-error', times: 2 }] },
    { name: 'not-json', faults: [{ fault: 'not-json' }] },
    { name: 'lingers', faults: [{ fault: 'destroy-lingers', seconds: 3 }] },
    { name: 'refused', faults: [{ fault: 'destroy-refused', times: 2 }] },
    { name: 'auth', faults: [{ fault: 'auth-error', times: 1 }] },
    {
      name: 'all-at-once',
      faults: [
        { fault: 'destroy-refused' },
        { fault: 'reply-lost-before' },
        { fault: 'destroy-lingers', seconds: 2 },
      ],
    },
  ])('destroy: $name', async ({ name, faults }) => {
    const { api, books } = stack;
    const session = `destroy-${name}`;
    await api.launched(aLaunch({ session }));
    await api.supervised(session);
    await inject('destroy', session, faults);
    const receipt = await api.destroyed(session);
    expect(receipt).toMatchObject({ outcome: 'completed', reason: 'requested' });
    await books.expectAllWell(receipt);
  });
});

describe.concurrent('what a failed read says is never taken for absence', () => {
  test('a READY session outlives lists that leave it out', async () => {
    const { api, books } = stack;
    const session = 'omitted';
    await api.launched(aLaunch({ session }));
    const ready = await api.supervised(session);
    await inject('list', session, [{ fault: 'omitted-once', times: 3 }]);
    await stack.awaitFaultsSpent('omitted-once');
    const lastOk = (await api.status(session)).health.last_ok_at ?? '';
    const later = await api.until(
      session,
      'is looked at again',
      ({ health }) => (health.last_ok_at ?? '') > lastOk,
    );
    expect(later).toMatchObject({ state: 'READY', instance_id: ready.instance_id });
    await books.expectAllWell(await api.destroyed(session));
  });

  test('an instance that lists leave out while it is destroyed is not called gone', async () => {
    const { api, books } = stack;
    const session = 'omitted-at-the-end';
    await api.launched(aLaunch({ session }));
    await api.supervised(session);
    await inject('destroy', session, [{ fault: 'destroy-lingers', seconds: 4 }]);
    await inject('list', session, [{ fault: 'omitted-once', times: 4 }]);
    const receipt = await api.destroyed(session);
    const [contract] = await books.ours(session);
    const firstAbsentMs = Date.parse(receipt.instances[0]?.seen_absent[0]?.at ?? '');
    expect(firstAbsentMs / 1_000).toBeGreaterThanOrEqual(
      (contract?.destroyed_at ?? Number.POSITIVE_INFINITY) - 0.1,
    );
    await books.expectAllWell(receipt);
  });

  test('a 404 that is about our key is not taken for an instance that is gone', async () => {
    const { api, books } = stack;
    const session = 'show-auth';
    await api.launched(aLaunch({ session }));
    await api.supervised(session);
    await inject('destroy', session, [{ fault: 'destroy-lingers', seconds: 3 }]);
    await inject('list', session, [{ fault: 'omitted-once', times: 2 }]);
    await inject('show', session, [{ fault: 'auth-error', times: 2 }]);
    const receipt = await api.destroyed(session);
    const [contract] = await books.ours(session);
    const firstAbsentMs = Date.parse(receipt.instances[0]?.seen_absent[0]?.at ?? '');
    expect(firstAbsentMs / 1_000).toBeGreaterThanOrEqual(
      (contract?.destroyed_at ?? Number.POSITIVE_INFINITY) - 0.1,
    );
    await books.expectAllWell(receipt);
  });

  test.each(['reply-lost-before', 'server-error', 'too-many', 'not-json'])(
    'a session boots and serves through lists that answer %s',
    async (fault) => {
      const { api, books } = stack;
      const session = `list-${fault}`;
      await inject('list', session, [{ fault, times: 4 }]);
      await api.launched(aLaunch({ session }));
      await api.supervised(session);
      await books.expectAllWell(await api.destroyed(session));
    },
  );
});

function inject(call: string, session: string, faults: readonly object[]): Promise<void> {
  return stack.faults(
    ...faults.map((fault) => ({ call, label_prefix: stack.labelPrefix(session), ...fault })),
  );
}
