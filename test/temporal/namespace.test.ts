import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { connectClient, connectWorker, type TemporalClient } from '../../src/temporal/connection.ts';
import { ensureNamespace, SEARCH_ATTRIBUTES } from '../../src/temporal/namespace.ts';

const DAY_SECONDS = 86_400;

let here: TemporalClient;

beforeAll(async () => {
  here = await connectClient({ address: inject('temporalAddress'), namespace: inject('temporalNamespace') });
});
afterAll(() => here.close());

async function retentionDays(namespace: string): Promise<number> {
  const { config } = await here.connection.workflowService.describeNamespace({ namespace });
  return Number(config?.workflowExecutionRetentionTtl?.seconds) / DAY_SECONDS;
}

test('a new namespace takes a session at once, and lists it by its search attributes', async () => {
  const namespace = `fresh-${randomUUID()}`;
  await ensureNamespace(here.connection, namespace);

  const { client, close } = await connectClient({ address: here.address, namespace });
  const { connection, close: closeWorker } = await connectWorker({ address: here.address, namespace });
  const taskQueue = 'fresh';
  const workflowsPath = fileURLToPath(new URL('fixtures/workflows.ts', import.meta.url));
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: await workflowBundle({ workflowsPath }),
  });
  await worker.runUntil(
    client.workflow.execute('waitAndGreet', { workflowId: 'session/fresh', taskQueue, args: ['GPU', 1] }),
  );
  const query = "SessionState = 'READY' AND UsdPerHour > 0.3";
  await expect.poll(async () => (await client.workflow.count(query)).count, { timeout: 10_000 }).toBe(1);
  await closeWorker();
  await close();
});

test('closed sessions are kept for 30 days, also where the namespace was made with less', async () => {
  expect(await retentionDays(inject('temporalNamespace'))).toBe(30);
});

test('several processes may prepare one namespace at once, and again', async () => {
  const namespace = `shared-${randomUUID()}`;
  await Promise.all([1, 2, 3].map(() => ensureNamespace(here.connection, namespace)));
  await ensureNamespace(here.connection, namespace);
  expect(await retentionDays(namespace)).toBe(30);
  const { customAttributes } = await here.connection.operatorService.listSearchAttributes({ namespace });
  expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
});

test('a namespace that cannot be made is told with what to do by hand', async () => {
  const tooLong = 'n'.repeat(2_000);
  await expect(ensureNamespace(here.connection, tooLong, { timeoutMs: 600 })).rejects.toThrow(
    /was not ready within 0\.6 s: .+temporal operator namespace create/,
  );
});
