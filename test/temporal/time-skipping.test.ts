import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { startTimeSkipping } from '../support/time-skipping.ts';

test('a day of waiting passes in seconds, with our search attributes set', async () => {
  const environment = await startTimeSkipping();
  try {
    const taskQueue = 'time-skipping';
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue,
      workflowBundle: await workflowBundle({
        workflowsPath: fileURLToPath(new URL('fixtures/workflows.ts', import.meta.url)),
      }),
    });
    const startedAtMs = Date.now();
    const greeting = await worker.runUntil(
      environment.client.workflow.execute('waitAndGreet', {
        workflowId: 'a-day',
        taskQueue,
        args: ['GPU', 86_400_000],
      }),
    );
    expect(greeting).toBe('hello GPU');
    expect(Date.now() - startedAtMs).toBeLessThan(20_000);
  } finally {
    await environment.teardown();
  }
});
