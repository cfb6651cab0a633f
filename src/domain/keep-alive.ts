import { affordsUntil, type Spending, usd } from './budget.ts';
import type { ProblemKind } from './problem.ts';

const DATE_MS_MAX = 8_640_000_000_000_000;

/** What decides whether a session may be kept longer. Moments are epoch ms. */
export type Keeping = {
  readonly nowMs: number;
  /** Null before READY: what is granted then counts from READY on. */
  readonly keepAliveUntilMs: number | null;
  readonly lifetimeUntilMs: number;
  /** When the serving instance's label expires; null before there is one. */
  readonly labelExpiresAtMs: number | null;
  readonly isEnding: boolean;
  readonly spending: Spending;
};

export type ExtensionAnswer =
  | { readonly kind: 'granted'; readonly keepAliveUntilMs: number }
  | { readonly kind: 'refused'; readonly problem: ProblemKind; readonly detail: string };

/** Checkpoint 4: moves the keep-alive deadline, within the lifetime, the label's expiry and the budget. */
export function judgeExtension(keeping: Keeping, additionalMs: number): ExtensionAnswer {
  if (keeping.isEnding) return refused('destroying', 'The session is ending; launch it again to go on.');
  if (!Number.isFinite(additionalMs) || additionalMs <= 0) {
    return refused('invalid', 'additional_minutes must be a number above 0.');
  }
  const untilMs = Math.max(keeping.nowMs, keeping.keepAliveUntilMs ?? keeping.nowMs) + additionalMs;
  if (untilMs > keeping.lifetimeUntilMs) {
    return refused(
      'conflict',
      `That would keep it until ${iso(untilMs)}, beyond its lifetime, which ends ${iso(keeping.lifetimeUntilMs)}.`,
    );
  }
  if (keeping.labelExpiresAtMs !== null && untilMs > keeping.labelExpiresAtMs) {
    return refused(
      'conflict',
      `That would keep it until ${iso(untilMs)}, beyond the expiry in its label, ${iso(keeping.labelExpiresAtMs)}: its budget was not made for longer.`,
    );
  }
  const { affordable, neededUsd } = affordsUntil(keeping.spending, { nowMs: keeping.nowMs, untilMs });
  if (!affordable) {
    const { spentUsd, budgetUsd, burnUsdPerHour } = keeping.spending;
    return refused(
      'over-budget',
      `Kept until ${iso(untilMs)} it would cost ${usd(neededUsd)} (${usd(spentUsd)} spent, ${usd(burnUsdPerHour)}/h, teardown margin included), and its budget is ${usd(budgetUsd)}. Extend by less, or launch with a larger budget_usd.`,
    );
  }
  return { kind: 'granted', keepAliveUntilMs: untilMs };
}

/** The moment at which a READY session counts as idle: the later of its last use and what was granted. */
export function keepAliveUntil(use: {
  lastUsedAtMs: number;
  keepAliveMs: number;
  keptUntilMs: number;
}): number {
  return Math.max(use.lastUsedAtMs + use.keepAliveMs, use.keptUntilMs);
}

function refused(problem: ProblemKind, detail: string): ExtensionAnswer {
  return { kind: 'refused', problem, detail };
}

/** Total, as it runs in a signal's handler: `toISOString` throws beyond the year 275760, which minutes typed by hand reach. */
function iso(ms: number): string {
  return Math.abs(ms) <= DATE_MS_MAX ? new Date(ms).toISOString() : 'a date beyond every calendar';
}
