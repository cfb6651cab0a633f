import { type Attempt, attemptBurn, attemptSpent, type Choice } from './attempt.ts';
import type { Spending } from './budget.ts';

/** What checkpoint 2 holds an offer or a contract against. */
export type Commitments = {
  readonly attempts: readonly Attempt[];
  /** Offers that a lane has taken from the shelf and not begun to rent. */
  readonly promised?: readonly Choice[];
  /** The attempt in question: its own cost is what is asked about. */
  readonly except?: Attempt;
  readonly nowMs: number;
  readonly budgetUsd: number;
  readonly marginMs: number;
};

/**
 * What a session is bound to pay besides the offer in question.
 *
 * Every lane of a hedge counts from the moment its offer is taken, with its price and the download that is still
 * to come: two that were checked side by side must not both find the money that is enough for one. What was given
 * back counts for the margin only, once its DELETE was accepted; after that it lingers, and counts in full.
 */
export function commitmentsOf(order: Commitments): Spending {
  const { nowMs, marginMs, budgetUsd } = order;
  const others = order.attempts.filter((attempt) => attempt !== order.except);
  const opened = new Set(order.attempts.map(({ choice }) => choice));
  const promised = (order.promised ?? []).filter((choice) => !opened.has(choice));
  const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
  return {
    budgetUsd,
    marginMs,
    spentUsd: sum([
      ...others.map((attempt) => attemptSpent(attempt, nowMs).total + downloadToCome(attempt, nowMs)),
      ...promised.map(({ trafficUsd }) => trafficUsd),
    ]),
    burnUsdPerHour: sum([...others.map(burnOf), ...promised.map(({ usdPerHour }) => usdPerHour)]),
    leavingUsdPerHour: sum(others.filter((one) => isLeaving(one, { nowMs, marginMs })).map(burnOf)),
  };
}

const IN_FLIGHT = ['granting', 'creating', 'settling', 'booting', 'starting-vllm'];

/** Image and weights of a lane that is on its way, as far as they were not billed yet. */
function downloadToCome(attempt: Attempt, nowMs: number): number {
  if (!IN_FLIGHT.includes(attempt.phase)) return 0;
  return Math.max(0, attempt.choice.trafficUsd - attemptSpent(attempt, nowMs).bandwidth);
}

/** A lane that waits for its grant burns nothing yet, and will. */
function burnOf(attempt: Attempt): number {
  return attempt.phase === 'granting' ? attempt.choice.usdPerHour : attemptBurn(attempt);
}

function isLeaving(
  { destroyAcceptedAtMs }: Attempt,
  { nowMs, marginMs }: { nowMs: number; marginMs: number },
): boolean {
  return destroyAcceptedAtMs !== null && nowMs - destroyAcceptedAtMs < marginMs;
}
