import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { PROBLEM_KINDS, Problem } from '../domain/problem.ts';
import { isTemporalSilent, withDeadline } from '../temporal/connection.ts';
import { PayloadUnreadable } from '../temporal/payload-codec.ts';

/** What Temporal's errors mean to a caller. Whatever is not expected here is a bug, and is left to show. */

/** Runs a call; a Temporal that is silent, or whose answer cannot be decrypted, becomes a `Problem`, as does nothing else. */
export async function explaining<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof PayloadUnreadable)
      throw new Problem('temporal-unreachable', error.message, { retryAfterSeconds: 5 });
    if (error instanceof Problem || !isTemporalSilent(error)) throw error;
    throw new Problem(
      'temporal-unreachable',
      'Temporal does not answer. Open sessions go on as they are; see that its server runs.',
      { retryAfterSeconds: 5 },
    );
  }
}

/** A refusal by validator or handler carries the problem's kind as its type; null for any other error. */
export function refusalOf(error: unknown): Problem | null {
  if (!(error instanceof WorkflowUpdateFailedError)) return null;
  const { cause } = error;
  const kind =
    cause instanceof ApplicationFailure ? PROBLEM_KINDS.find((known) => known === cause.type) : undefined;
  return kind === undefined ? null : new Problem(kind, cause?.message ?? '');
}

const PING_MS = 2_000;

/** Whose silence it was: a Temporal that is gone looks like one without a worker until it is asked for itself. */
export async function explainSilence(client: Client, error: unknown, whom: string): Promise<unknown> {
  if (!isUnanswered(error)) return error;
  try {
    await withDeadline(client, PING_MS, () => client.workflowService.getSystemInfo({}));
  } catch (silence) {
    return silence;
  }
  return unanswered(error, whom);
}

/** No answer to a message, while Temporal itself answers, means that no worker runs. */
export function unanswered(error: unknown, whom: string): unknown {
  if (!isUnanswered(error)) return error;
  return noWorker(`No worker answered for ${whom}, so nothing was changed. Start a worker and ask again.`);
}

export function noWorker(detail: string): Problem {
  return new Problem('no-worker', detail, { retryAfterSeconds: 5 });
}

export function isUnanswered(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    isTemporalSilent(error) ||
    isWithoutPoller(error)
  );
}

/** What a query gets once no worker has polled for a while: Temporal refuses at once instead of waiting. */
function isWithoutPoller(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && /no poller seen/i.test(cause.details);
}

/** Unknown, or closed already. */
export function isGone(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError;
}

/** The run ended while the update was waiting in it. */
export function isEndedUnderUpdate(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === 'AcceptedUpdateCompletedWorkflow'
  );
}
