import { msToTs } from '@temporalio/common/lib/time.js';
import { expect, inject, test } from 'vitest';
import { connectClient } from '../../src/temporal/connection.ts';
import { setUpTemporal } from '../../src/temporal-setup.ts';

const address = inject('temporalAddress');
const DAY_MS = 86_400_000;
const ATTRIBUTES = /search attributes SessionState, .*UsdPerHour$/;

test('the namespace is made with its search attributes; a second time there is nothing to do', async () => {
  const namespace = `setup-${process.pid}`;
  expect(await setUpTemporal({ address, namespace })).toEqual([
    `made: namespace ${namespace}`,
    'made: retention of 30 days',
    expect.stringMatching(ATTRIBUTES),
  ]);
  expect(await setUpTemporal({ address, namespace })).toEqual([
    `was there: namespace ${namespace}`,
    'was there: retention of 30 days',
    expect.stringMatching(/^was there: search attributes/),
  ]);
});

test('a namespace that forgets after three days is made to remember for thirty', async () => {
  const namespace = `setup-short-${process.pid}`;
  const { connection, close } = await connectClient({ address });
  await connection.workflowService
    .registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(3 * DAY_MS) })
    .finally(close);
  const lines = await setUpTemporal({ address, namespace });
  expect(lines).toContain('raised: retention from 3 to 30 days');
});
