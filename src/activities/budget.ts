import { ApplicationFailure } from '@temporalio/common';
import type { CallOffAnswer, GrantAnswer, LedgerNumbers, ReserveAnswer } from '../domain/ledger.ts';
import {
  type AttemptRef,
  callOffUpdate,
  closeUpdate,
  endAttemptUpdate,
  type GrantOrder,
  grantUpdate,
  ledgerQuery,
  noteAnsweredUpdate,
  type ReserveOrder,
  reserveUpdate,
} from '../workflows/messages.ts';
import type { Deps } from './deps.ts';
import { type Forgotten, findForgotten, hasEndedBefore } from './past-books.ts';
import { whoChooses } from './search-offers.ts';

/**
 * Checkpoint 1. A ledger that still reads back what was spent is asked again by the retry policy. A session that has
 * a receipt has ended, also where Temporal was put back to before that.
 */
export async function reserveBudget(deps: Deps, order: ReserveOrder): Promise<ReserveAnswer> {
  await deps.past.charges();
  if (await hasEndedBefore(deps, order.key))
    return { kind: 'closed', numbers: await deps.ledger.read(ledgerQuery) };
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
 * An offer that went since it was searched is not granted: a refused create costs a turn in the queue of all. Nor is an
 * attempt that was made before, which only a session that was put back to an earlier moment asks for.
 */
export async function grantAttempt(
  deps: Deps,
  // Sessions of 0.1.0 do not tell the label.
  order: GrantOrder & { offerId: number; reservation: ReserveOrder; label?: string },
): Promise<GrantAnswer | Forgotten> {
  const { reservation, offerId, label, ...grant } = order;
  const forgotten = label === undefined ? null : await findForgotten(deps, { ...grant, label });
  if (forgotten !== null) return forgotten;
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
