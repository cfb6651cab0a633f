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
  await resetToCreate(client, 'session/default').finally(close);
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

/** To the task in which the create was ordered: it is ordered again, under the same label. */
async function resetToCreate(client: Client, workflowId: string): Promise<void> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const create = (events ?? []).find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'rentInstance',
  );
  const workflowTaskFinishEventId =
    create?.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId ?? null;
  if (workflowTaskFinishEventId === null) throw new Error('No create was ordered.');
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId },
    reason: 'from outside',
    workflowTaskFinishEventId,
    requestId: crypto.randomUUID(),
  });
}
