import { ApplicationFailure } from '@temporalio/common';
import type { CallOffAnswer, GrantAnswer, LedgerNumbers, ReserveAnswer } from '../domain/ledger.ts';
import {
  type AttemptRef,
  callOffUpdate,
  closeUpdate,
  endAttemptUpdate,
  type GrantOrder,
  grantUpdate,
  noteAnsweredUpdate,
  type ReserveOrder,
  reserveUpdate,
} from '../workflows/messages.ts';
import type { Deps } from './deps.ts';
import { whoChooses } from './search-offers.ts';

/** Checkpoint 1. A ledger that still reads back what was spent is asked again by the retry policy. */
export async function reserveBudget(deps: Deps, order: ReserveOrder): Promise<ReserveAnswer> {
  const answer = await deps.ledger.call(reserveUpdate, order);
  if (answer.kind === 'not-rebuilt') {
    throw ApplicationFailure.create({
      type: 'ledger-not-rebuilt',
      message: 'The ledger is still reading back what was spent.',
    });
  }
  return answer;
}

/**
 * Books an attempt and its machine. A ledger that lost the reservation (terminated, opened again) is given it back.
 *
 * An offer that went since it was searched is not granted: a refused create costs a turn in the queue of all.
 */
export async function grantAttempt(
  deps: Deps,
  order: GrantOrder & { offerId: number; reservation: ReserveOrder },
): Promise<GrantAnswer> {
  const { reservation, offerId, ...grant } = order;
  if (deps.offers.isGone(offerId)) return { kind: 'machine-taken', by: 'somebody since the search' };
  const answer = await askForGrant(deps, grant, reservation);
  if (answer.kind === 'granted') deps.offers.noteGranted(whoChooses(), offerId);
  return answer;
}

async function askForGrant(deps: Deps, grant: GrantOrder, reservation: ReserveOrder): Promise<GrantAnswer> {
  const answer = await deps.ledger.call(grantUpdate, grant);
  if (answer.kind !== 'closed') return answer;
  const reserved = await reserveBudget(deps, reservation);
  return reserved.kind === 'reserved' ? await deps.ledger.call(grantUpdate, grant) : answer;
}

/** After a create without an answer: whether it can have been sent at all. Once called off it never will be. */
export function callOffAttempt(deps: Deps, ref: AttemptRef): Promise<CallOffAnswer> {
  return deps.ledger.call(callOffUpdate, ref);
}

/** The create was answered at this price, or settled without one. */
export function noteAnswered(deps: Deps, note: AttemptRef & { usdPerHour: number | null }): Promise<void> {
  return deps.ledger.call(noteAnsweredUpdate, note);
}

export function endAttempt(deps: Deps, end: AttemptRef & { usd: number }): Promise<void> {
  return deps.ledger.call(endAttemptUpdate, end);
}

export function closeReservation(
  deps: Deps,
  end: { key: string; usd: number | null },
): Promise<LedgerNumbers> {
  return deps.ledger.call(closeUpdate, end);
}
