import { expect, test } from 'vitest';
import { aLaunch, startStack } from '../support/stack.ts';

test('a session rents, serves through the gateway, is extended and given back, and its receipt agrees with the provider', async () => {
  await using stack = await startStack();
  const { api, books } = stack;
  const launched = await api.launch(aLaunch());
  expect(launched.status).toBe(202);
  expect(launched.body).toMatchObject({ session: 'default', created: true, accepted: true });

  const ready = await api.ready('default');
  expect(ready).toMatchObject({ status: 'ready', provider: 'vastai', outcome: null });

  const plain = await api.chat();
  expect(plain.status).toBe(200);
  expect(await plain.json()).toMatchObject({ choices: [{ message: { role: 'assistant' } }] });

  const streamed = await api.chat({ stream: true });
  expect(streamed.headers.get('content-type')).toContain('text/event-stream');
  const events = await streamed.text();
  expect(events.match(/^data: \{/gm)?.length).toBeGreaterThan(1);
  expect(events.trimEnd()).toMatch(/data: \[DONE\]$/);

  const before = await api.status('default');
  const extended = await api.extend('default', 5);
  expect(extended.status).toBe(200);
  const movedMs =
    Date.parse(extended.body.keep_alive_until ?? '') - Date.parse(before.keep_alive_until ?? '');
  expect(movedMs).toBeGreaterThanOrEqual(5 * 60_000 - 1_000);

  // Nothing happens to a quiet session, and yet it costs.
  await api.until(
    'default',
    'has cost more',
    ({ budget }) => budget.spent_usd > extended.body.budget.spent_usd,
  );

  const receipt = await api.destroyed('default');
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'requested' });
  expect(receipt.instances).toHaveLength(1);
  await books.expectAllWell(receipt);
});
