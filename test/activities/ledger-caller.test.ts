import { expect, test } from 'vitest';
import { LedgerCaller } from '../../src/activities/ledger-caller.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { correctUpdate } from '../../src/workflows/messages.ts';
import { startStack } from '../support/stack.ts';

test('hundreds who ask the ledger in the same moment are all answered, and none is turned away', async () => {
  await using stack = await startStack();
  const { client, close } = await connectClient(stack.temporal);
  try {
    const ledger = new LedgerCaller({
      temporal: client,
      owner: stack.owner,
      reopen: () => Promise.reject(new Error('the ledger is open')),
    });
    const answers = await Promise.allSettled(
      Array.from({ length: 240 }, () => ledger.call(correctUpdate, { corrections: [] })),
    );
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([]);
  } finally {
    await close();
  }
});
