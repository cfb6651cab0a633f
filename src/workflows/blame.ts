import { CancellationScope } from '@temporalio/workflow';
import type { Attempt } from '../domain/attempt.ts';
import { type Failure, failureOf, settleBlame } from '../domain/failure.ts';
import { once } from './policies.ts';
import type { Rental } from './rental.ts';

/** At zero credit every instance stops, whoever's machine it is on. */
const LOOKS_LIKE_NO_CREDIT: readonly Failure['kind'][] = ['stopped-by-provider', 'gave-up-loading', 'exited'];

/** Whose failure it really was: the account's when its credit is gone, the caller's when two machines failed alike. */
export async function blame(rental: Rental, attempt: Attempt, failure: Failure): Promise<Failure> {
  if (LOOKS_LIKE_NO_CREDIT.includes(failure.kind) && (await isCreditGone()))
    return failureOf('no-credit', failure.message);
  return settleBlame(failure, earlierKinds(rental, attempt));
}

/** One look: an account that cannot be read now is not called empty. */
async function isCreditGone(): Promise<boolean> {
  try {
    const answer = await once({ summary: 'is there credit left?' }).readAccount();
    return answer.kind === 'no-credit';
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    return false;
  }
}

/** Kinds of failure that other machines had before. */
function earlierKinds(rental: Rental, attempt: Attempt): string[] {
  return rental.state.attempts.flatMap((earlier) =>
    earlier.failure !== null && earlier.choice.machineId !== attempt.choice.machineId
      ? [earlier.failure.kind]
      : [],
  );
}
