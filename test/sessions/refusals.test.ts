import { ServiceError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { unanswered } from '../../src/sessions/refusals.ts';

/** As Temporal's client threw it (server 1.29.1), half a minute after the last worker had stopped. */
function noPollerSeen(): ServiceError {
  const details = 'no poller seen for task queue recently, worker may be down';
  const cause = Object.assign(new Error(`9 FAILED_PRECONDITION: ${details}`), {
    code: 9,
    details,
    metadata: {},
  });
  return new ServiceError('Failed to query Workflow', { cause });
}

test('who asks when no worker has polled for a while is told that none runs', () => {
  expect(unanswered(noPollerSeen(), 'the ledger')).toMatchObject({ kind: 'no-worker' });
});

test('what is not known stays the error it is', () => {
  const error = new ServiceError('Failed to query Workflow', {
    cause: Object.assign(new Error('9 FAILED_PRECONDITION: x'), { code: 9, details: 'x', metadata: {} }),
  });
  expect(unanswered(error, 'the ledger')).toBe(error);
});
