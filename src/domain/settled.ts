import type { LedgerState } from './ledger.ts';

/** What each closed session was booked with, so that the provider's charges can correct it. */
export type Settled = Readonly<Record<string, { readonly usd: number; readonly atMs: number }>>;

export type Correction = { readonly key: string; readonly usd: number };

const SETTLED_KEPT = 2_000;
const MS_PER_DAY = 86_400_000;
/** A session lives seven days at most; its charges may begin that long before the period that holds its end. */
export const LOOK_BEFORE_PERIOD_MS = 8 * MS_PER_DAY;

/** Books `usd` as all that a closed session cost: what it was booked with before is replaced, never added to. */
export function settle(
  state: LedgerState,
  end: { readonly key: string; readonly usd: number; readonly nowMs: number },
): LedgerState {
  const before = state.settled[end.key];
  const isOfThisPeriod = before === undefined || before.atMs >= state.periodStartMs;
  const change = isOfThisPeriod ? end.usd - (before?.usd ?? 0) : 0;
  const settled = { ...state.settled, [end.key]: { usd: end.usd, atMs: before?.atMs ?? end.nowMs } };
  return bounded({ ...state, spentUsd: Math.max(0, state.spentUsd + change), settled });
}

/** What the provider charged in truth. A session that is still open is covered by its reservation. */
export function correct(
  state: LedgerState,
  order: { readonly corrections: readonly Correction[]; readonly nowMs: number },
): LedgerState {
  return order.corrections.reduce((kept, { key, usd }) => {
    const isSound = Number.isFinite(usd) && usd >= 0;
    if (!isSound || kept.reservations[key] !== undefined) return kept;
    return settle(kept, { key, usd, nowMs: order.nowMs });
  }, state);
}

/** The oldest go first; from then on the ledger no longer says that it knows of every session before them. */
function bounded(state: LedgerState): LedgerState {
  const oldestMs = state.periodStartMs - LOOK_BEFORE_PERIOD_MS - MS_PER_DAY;
  const kept = Object.entries(state.settled)
    .sort(([, a], [, b]) => a.atMs - b.atMs)
    .filter(([, { atMs }]) => atMs >= oldestMs);
  const dropped = kept.slice(0, Math.max(0, kept.length - SETTLED_KEPT));
  return {
    ...state,
    settled: Object.fromEntries(kept.slice(dropped.length)),
    settledSinceMs: Math.max(state.settledSinceMs, dropped.at(-1)?.[1].atMs ?? 0),
  };
}
