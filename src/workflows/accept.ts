import { CancellationScope } from '@temporalio/workflow';
import type { AccountAnswer } from '../activities/read-account.ts';
import { usd } from '../domain/budget.ts';
import type { ReserveAnswer } from '../domain/ledger.ts';
import type { LaunchRefusal } from './messages.ts';
import { once, quick } from './policies.ts';
import type { Rental } from './rental.ts';
import { showStory } from './telling.ts';

/**
 * Checkpoint 1, then the account: the whole budget is reserved, and a key or a credit that cannot rent is said
 * at once. Refused, nobody was called and the session ends here.
 */
export async function takeOn(rental: Rental): Promise<void> {
  if (rental.state.accepted === true) {
    showStory(rental);
    return;
  }
  rental.publish();
  const { key, request, input } = rental;
  const reserved = await quick({ summary: `reserve ${usd(request.budgetUsd)}` }).reserveBudget({
    key,
    session: input.session,
    capUsd: request.budgetUsd,
  });
  if (reserved.kind !== 'reserved') {
    refuse(rental, { kind: 'over-budget', detail: noMoney(reserved, request.budgetUsd) }, 'over-budget');
    return;
  }
  const refusal = await accountRefusal();
  if (refusal !== null) refuse(rental, refusal, 'launch-failed');
  else rental.state.accepted = true;
}

function noMoney({ kind, numbers }: ReserveAnswer, budgetUsd: number): string {
  if (kind === 'closed')
    return 'This session had ended, and its budget with it: a reset does not bring that back. Launch it again.';
  const { limitUsd, spentUsd, reservedUsd } = numbers;
  return `This session asks for ${usd(budgetUsd)}: ${usd(spentUsd)} are spent and ${usd(reservedUsd)} reserved of the limit of ${usd(limitUsd)}. Ask for less, end a session, or raise VASTAI_BUDGET_LIMIT.`;
}

function refuse(rental: Rental, refusal: LaunchRefusal, outcome: 'over-budget' | 'launch-failed'): void {
  rental.state.refusal = refusal;
  rental.state.accepted = false;
  rental.begin({ outcome, reason: refusal.detail });
}

/**
 * Null when the account can rent, or when the market is merely busy: that is waited out, not refused. The read
 * itself repeats while no connection comes about, for as long as whoever launched still listens.
 */
async function accountRefusal(): Promise<LaunchRefusal | null> {
  const answer = await readAccount();
  if (answer === null) return null;
  switch (answer.kind) {
    case 'ok':
    case 'busy':
      return null;
    case 'no-credit':
      return {
        kind: 'no-credit',
        detail: `The Vast.ai account has ${usd(answer.creditUsd)} of credit. Add credit, then launch again.`,
      };
    case 'refused':
      return { kind: 'market-refused', detail: `${answer.message} Check VASTAI_API_KEY.` };
    case 'unreachable':
      return { kind: 'market-unreachable', detail: `${answer.message} Nothing was rented.` };
  }
}

/** A worker that died over this read says nothing about the account. */
async function readAccount(): Promise<AccountAnswer | null> {
  try {
    return await once({ summary: 'read credit' }).readAccount();
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    return null;
  }
}
