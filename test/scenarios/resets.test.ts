import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { connectClient } from '../../src/temporal/connection.ts';
import { aLaunch, startStack } from '../support/stack.ts';

test('a session that is reset to before its create, with its ledger lost and its label changed, rents nothing twice', async () => {
  await using stack = await startStack({ settings: { LEASH_REAP_INTERVAL_MINUTES: '60' } });
  const { api, books, market, temporal } = stack;
  const others = (await books.read()).contracts.map(({ id }) => id);
  await api.launched(aLaunch());
  const before = await api.supervised('default');
  const [contract] = await books.ours();
  const renamed = await fetch(`${market.url}/api/v0/instances/${contract?.id}/`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${market.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ label: 'my favourite' }),
    signal: AbortSignal.timeout(5_000),
  });
  expect(renamed.status).toBe(200);
  const { client, close } = await connectClient(temporal);
  await client.workflow.getHandle(`ledger/${stack.owner}`).terminate('from outside');
  await resetToActivity(client, 'session/default', 'rentInstance').finally(close);
  const after = await api.until(
    'default',
    'serves again',
    ({ state, health }) => state === 'READY' && (health.last_ok_at ?? '') > (before.health.last_ok_at ?? ''),
  );
  expect(after.instance_id).toBe(contract?.id);
  const receipt = await api.destroyed('default');
  const all = (await books.read()).contracts.filter(({ id }) => !others.includes(id));
  expect(all.map(({ id }) => id)).toEqual([contract?.id]);
  expect(all[0]?.destroyed_at).not.toBeNull();
  expect(receipt.instances.map(({ instance_id }) => instance_id)).toEqual([contract?.id]);
});

test('a refused session that is reset and taken on then has the receipt of what it rented', async () => {
  await using stack = await startStack({
    settings: { VASTAI_BUDGET_LIMIT: '1.5', VASTAI_SESSION_BUDGET_LIMIT: '1' },
  });
  const { api, books, temporal } = stack;
  await api.launched(aLaunch({ session: 'first', budget_usd: 1 }));
  await api.ready('first');
  expect((await api.launch(aLaunch({ session: 'second', budget_usd: 1 }))).status).toBe(402);
  const refused = await api.ended('second');
  expect(refused).toMatchObject({ outcome: 'over-budget', instances: [] });
  await api.destroyed('first');
  const { client, close } = await connectClient(temporal);
  await using _closed = { [Symbol.asyncDispose]: close };
  await resetToActivity(client, 'session/second', 'reserveBudget');
  await api.until('second', 'says why not', ({ reason }) =>
    /a reset does not bring that back/.test(reason ?? ''),
  );
  // Only a ledger that starts anew knows nothing of its end.
  await client.workflow.getHandle(`ledger/${stack.owner}`).terminate('from outside');
  await resetToActivity(client, 'session/second', 'reserveBudget');
  const ready = await api.ready('second');
  const receipt = await api.destroyed('second');
  expect(receipt).toMatchObject({ run: refused.run, outcome: 'completed' });
  expect(receipt.instances.map(({ instance_id }) => instance_id)).toEqual([ready.instance_id]);
  await books.expectAllWell(receipt);
});

/** To the task that ordered this activity: it is ordered again. */
async function resetToActivity(client: Client, workflowId: string, activity: string): Promise<void> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const ordered = (events ?? []).find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity,
  );
  const workflowTaskFinishEventId =
    ordered?.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId ?? null;
  if (workflowTaskFinishEventId === null) throw new Error(`No ${activity} was ordered.`);
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId },
    reason: 'from outside',
    workflowTaskFinishEventId,
    requestId: crypto.randomUUID(),
  });
}
