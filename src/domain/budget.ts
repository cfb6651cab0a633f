/**
 * The places where money is checked before it can be spent. Checkpoint 1 is the ledger's (`ledger.ts`);
 * 2 is asked of every offer and contract, 3 is a moment in time, 4 is asked of every extension.
 */
export type Spending = {
  readonly budgetUsd: number;
  readonly spentUsd: number;
  /** What goes on being billed now, all live instances of the session together. */
  readonly burnUsdPerHour: number;
  /** The part of it that was given back: it is billed for the margin at most. */
  readonly leavingUsdPerHour?: number;
  /** Burn kept back for drain, destroy and the provider's billing tail. */
  readonly marginMs: number;
};

const MS_PER_HOUR = 3_600_000;

/** Checkpoint 2: whether the budget carries this price for one keep-alive, its download and a teardown. */
export function affords(
  spending: Spending,
  price: { readonly usdPerHour: number; readonly trafficUsd: number; readonly keepAliveMs: number },
): { readonly affordable: boolean; readonly neededUsd: number } {
  const leaving = Math.min(spending.leavingUsdPerHour ?? 0, spending.burnUsdPerHour);
  const staying = spending.burnUsdPerHour - leaving + price.usdPerHour;
  const neededUsd =
    spending.spentUsd +
    (staying * (price.keepAliveMs + spending.marginMs) + leaving * spending.marginMs) / MS_PER_HOUR +
    price.trafficUsd;
  return { affordable: neededUsd <= spending.budgetUsd, neededUsd };
}

/** Checkpoint 3: the moment at which teardown must begin for the bill to stay inside the budget; null while nothing burns. */
export function budgetMoment(spending: Spending, nowMs: number): number | null {
  if (spending.burnUsdPerHour <= 0) return null;
  const leftUsd = spending.budgetUsd - spending.spentUsd;
  return nowMs + (leftUsd / spending.burnUsdPerHour) * MS_PER_HOUR - spending.marginMs;
}

/** The moment at which the budget itself would be reached, were nothing done; for people. */
export function breachMoment(spending: Spending, nowMs: number): number | null {
  if (spending.burnUsdPerHour <= 0) return null;
  return nowMs + ((spending.budgetUsd - spending.spentUsd) / spending.burnUsdPerHour) * MS_PER_HOUR;
}

/** Checkpoint 4: whether serving until `untilMs` stays inside the budget. */
export function affordsUntil(
  spending: Spending,
  span: { readonly nowMs: number; readonly untilMs: number },
): { readonly affordable: boolean; readonly neededUsd: number } {
  const heldMs = Math.max(0, span.untilMs - span.nowMs) + spending.marginMs;
  const neededUsd = spending.spentUsd + (spending.burnUsdPerHour * heldMs) / MS_PER_HOUR;
  return { affordable: neededUsd <= spending.budgetUsd, neededUsd };
}

/** How long a budget lasts at a price, ms; what a label's expiry is made from. */
export function budgetLastsMs(budgetUsd: number, usdPerHour: number): number {
  return usdPerHour <= 0 ? Number.POSITIVE_INFINITY : (budgetUsd / usdPerHour) * MS_PER_HOUR;
}

/** Dollars as people read them. */
export function usd(amount: number): string {
  return `$${Math.abs(amount) < 0.1 && amount !== 0 ? amount.toFixed(4) : amount.toFixed(2)}`;
}

/** Amounts as `0.12 USD`: Temporal's Web UI sets what stands between two dollar signs as a formula. */
export function forWebUi(text: string): string {
  return text.replaceAll(/\$(\d[\d.,]*\d|\d)/g, '$1 USD');
}
