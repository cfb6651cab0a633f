import { budgetMoment, type Spending } from './budget.ts';
import { ALERT_PERCENTS, type AlertPercent } from './budget-outlook.ts';
import type { NotificationKind } from './notification.ts';

/** What decides whether people are told of a session's money. */
export type Money = {
  readonly spending: Spending;
  readonly nowMs: number;
  /** When it ends by itself if nobody uses it again; null while nothing serves. */
  readonly keptUntilMs: number | null;
  readonly told: readonly NotificationKind[];
};

/**
 * The threshold that is due: the highest that is reached, where none as high was told before.
 *
 * The last one is the moment at which the session is ended for its budget: what is left then is its teardown's.
 */
export function dueThreshold({ spending, nowMs, told }: Money): AlertPercent | null {
  const endsAtMs = budgetMoment(spending, nowMs);
  const isAtEnd = endsAtMs !== null && endsAtMs <= nowMs;
  const isReached = (percent: AlertPercent): boolean =>
    spending.spentUsd >= (spending.budgetUsd * percent) / 100 || (percent === 100 && isAtEnd);
  const due = ALERT_PERCENTS.findLast(isReached);
  if (due === undefined) return null;
  const isTold = ALERT_PERCENTS.some((percent) => percent >= due && told.includes(`budget-${percent}`));
  return isTold ? null : due;
}

/** When the budget ends the session, where that comes before it would end by itself; null otherwise. */
export function projectedBreach({
  spending,
  nowMs,
  keptUntilMs,
}: Pick<Money, 'spending' | 'nowMs' | 'keptUntilMs'>): number | null {
  const endsAtMs = budgetMoment(spending, nowMs);
  return endsAtMs !== null && keptUntilMs !== null && endsAtMs < keptUntilMs ? endsAtMs : null;
}

/** When the next threshold below the last will be due at the present burn; null where none is to come. */
export function nextThresholdMs({ spending, nowMs, told }: Money): number | null {
  const { burnUsdPerHour, budgetUsd, spentUsd } = spending;
  if (burnUsdPerHour <= 0) return null;
  const toCome = ALERT_PERCENTS.filter((percent) => percent < 100).find((percent) => {
    const isTold = ALERT_PERCENTS.some((other) => other >= percent && told.includes(`budget-${other}`));
    return !isTold;
  });
  if (toCome === undefined) return null;
  const missingUsd = Math.max(0, (budgetUsd * toCome) / 100 - spentUsd);
  return nowMs + (missingUsd / burnUsdPerHour) * MS_PER_HOUR;
}

const MS_PER_HOUR = 3_600_000;
