import { TestWorkflowEnvironment } from '@temporalio/testing';
import { findTimeSkippingServer } from '../../scripts/find-temporal.mjs';
import { registerSearchAttributes } from '../../src/temporal/namespace.ts';

/**
 * A server whose clock jumps over whatever a workflow waits for, for tests of workflow logic with
 * stand-in activities. One per test file, and its tests one after the other: it has one clock, which
 * stands still while any activity runs. Call `teardown()` when done.
 */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = findTimeSkippingServer();
  if (!path) {
    throw new Error(
      "Temporal's time-skipping test server is not prepared: run `node scripts/setup.mjs --test`, " +
        'which downloads it, or needs `java` and `mvn` to install it.',
    );
  }
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  // Without them a workflow task that sets one fails for ever.
  await registerSearchAttributes(environment.connection, environment.namespace ?? 'default');
  return environment;
}
