/** A key of the gateway as it is kept: never the token, which is shown once and hashed. */
export type KeyRecord = {
  readonly id: string;
  /** Of its own among the keys that are not revoked. */
  readonly name: string;
  /** What of the token may be shown, to tell keys apart. */
  readonly hint: string;
  readonly createdAtMs: number;
  /** To the minute; null: never used. */
  readonly lastUsedAtMs: number | null;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  readonly limits: KeyLimits;
};

/** Null: without this limit. */
export type KeyLimits = {
  /** Models it may name and is shown. */
  readonly models: readonly string[] | null;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly budget: KeyBudget | null;
};

export type KeyBudget = { readonly usd: number; readonly period: BudgetPeriod };

export const BUDGET_PERIODS = ['total', 'day', 'month'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

export const KEY_STATES = ['active', 'expired', 'revoked'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export function keyState(
  { revokedAtMs, expiresAtMs }: Pick<KeyRecord, 'revokedAtMs' | 'expiresAtMs'>,
  nowMs: number,
): KeyState {
  if (revokedAtMs !== null) return 'revoked';
  return expiresAtMs !== null && expiresAtMs <= nowMs ? 'expired' : 'active';
}

/** Null: a request that names no model, and gets whichever is the default. */
export function mayUseModel({ models }: Pick<KeyLimits, 'models'>, model: string | null): boolean {
  return models === null || (model !== null && models.includes(model));
}

/** The period that a moment is in, by UTC; a budget without period has one that never ends. */
export function budgetSpan(period: BudgetPeriod, atMs: number): { fromMs: number; toMs: number | null } {
  const at = new Date(atMs);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  switch (period) {
    case 'total':
      return { fromMs: 0, toMs: null };
    case 'day':
      return { fromMs: Date.UTC(year, month, day), toMs: Date.UTC(year, month, day + 1) };
    case 'month':
      return { fromMs: Date.UTC(year, month), toMs: Date.UTC(year, month + 1) };
  }
}

/**
 * Dollars as whole billionths, in which they are added up: fifty requests of a cent are half a dollar, and a
 * token of 0.02 USD per million is still twenty. Sums are exact up to nine million dollars.
 */
export function toNanoUsd(usd: number): number {
  return Math.round(usd * 1e9);
}

export function fromNanoUsd(nanoUsd: number): number {
  return nanoUsd / 1e9;
}
