import type { SessionView } from './session.ts';

const HOUR_MS = 3_600_000;

/** What a session is heading for. */
export type SessionForecast = {
  /** Burning now; 0 once nothing is rented. */
  readonly usdPerHour: number;
  readonly budgetUsd: number;
  readonly projectedBreachAtMs: number | null;
  /** What it comes to if nobody uses or extends it any more; what it came to once it has ended; null before READY. */
  readonly totalUsd: number | null;
};

export function forecastOf(view: SessionView, nowMs: number): SessionForecast {
  const { budget, receipt, state } = view;
  const usdPerHour = state === 'IDLE' ? 0 : (view.usdPerHour ?? 0);
  return {
    usdPerHour,
    budgetUsd: budget.limitUsd,
    projectedBreachAtMs: budget.projectedBreachAtMs,
    totalUsd: receipt?.usd.total ?? (state === 'READY' ? totalAtEnd(view, usdPerHour, nowMs) : null),
  };
}

/** Its end is the earlier of keep-alive and lifetime, and the budget is never passed. */
function totalAtEnd(view: SessionView, usdPerHour: number, nowMs: number): number | null {
  const { keepAliveUntilMs, lifetimeUntilMs, budget } = view;
  if (keepAliveUntilMs === null) return null;
  const endsAtMs = Math.min(keepAliveUntilMs, lifetimeUntilMs ?? keepAliveUntilMs);
  const leftHours = Math.max(0, endsAtMs - nowMs) / HOUR_MS;
  return Math.min(budget.limitUsd, budget.spentUsd + usdPerHour * leftHours);
}
