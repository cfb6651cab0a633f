import { bookedUsd, type LedgerState, periodEnd } from './ledger.ts';

/** A threshold of the limit that spending has reached in this period, and when that was noticed. */
export type BudgetAlert = { readonly percent: number; readonly atMs: number };

export const ALERT_PERCENTS = [50, 80, 100] as const;
export type AlertPercent = (typeof ALERT_PERCENTS)[number];

/** An alert that people are to be told of, with what was so when it was noticed. */
export type UntoldAlert = {
  readonly percent: AlertPercent;
  readonly atMs: number;
  readonly spentUsd: number;
  readonly limitUsd: number;
  readonly burnUsdPerHour: number;
  readonly periodStartMs: number;
  readonly periodEndMs: number | null;
};

const MS_PER_HOUR = 3_600_000;

/** The state with the alerts that are due: spent by closed sessions, and booked so far by open ones. */
export function withAlerts(state: LedgerState, nowMs: number): LedgerState {
  const usd = spentSoFarUsd(state, nowMs);
  const isReached = (percent: number): boolean =>
    state.limitUsd > 0 && usd >= (state.limitUsd * percent) / 100;
  const due = ALERT_PERCENTS.filter(
    (percent) => isReached(percent) && !state.alerts.some((fired) => fired.percent === percent),
  );
  if (due.length === 0) return state;
  const { limitUsd, periodStartMs } = state;
  const told = { atMs: nowMs, spentUsd: usd, limitUsd, burnUsdPerHour: burnUsdPerHour(state), periodStartMs };
  const untold = due.map((percent) => ({ percent, ...told, periodEndMs: periodEnd(state) }));
  return {
    ...state,
    alerts: [...state.alerts, ...due.map((percent) => ({ percent, atMs: nowMs }))],
    alertsFired: state.alertsFired + due.length,
    untold: state.notify.length === 0 ? state.untold : [...state.untold, ...untold],
  };
}

/** When the next alert will be due at the present burn, epoch ms; null where nothing burns, or none is left. */
export function nextAlertMs(state: LedgerState, nowMs: number): number | null {
  const burn = burnUsdPerHour(state);
  const next = ALERT_PERCENTS.find((percent) => !state.alerts.some((fired) => fired.percent === percent));
  if (burn <= 0 || next === undefined || state.limitUsd <= 0) return null;
  const missingUsd = (state.limitUsd * next) / 100 - spentSoFarUsd(state, nowMs);
  return nowMs + (Math.max(0, missingUsd) / burn) * MS_PER_HOUR;
}

/** A raised limit takes back the alerts that it is above: they fire again when it is reached. */
export function withoutPassedAlerts(state: LedgerState, nowMs: number): LedgerState {
  const usd = spentSoFarUsd(state, nowMs);
  return { ...state, alerts: state.alerts.filter(({ percent }) => usd >= (state.limitUsd * percent) / 100) };
}

/** Dollars of the period: closed sessions by their receipts, open ones by what is booked until now. */
export function spentSoFarUsd(state: LedgerState, nowMs: number): number {
  return Object.values(state.reservations).reduce(
    (sum, reservation) => sum + bookedUsd(reservation, nowMs),
    state.spentUsd,
  );
}

/** $/h of all attempts whose create was taken up and whose end is not known. */
export function burnUsdPerHour(state: LedgerState): number {
  return Object.values(state.reservations)
    .flatMap(({ attempts }) => Object.values(attempts))
    .filter(({ isSpent, usd }) => isSpent && usd === null)
    .reduce((sum, booked) => sum + booked.usdPerHour, 0);
}

/** When the limit would be reached at the present burn; null while nothing burns, or where the period ends first. */
export function projectedBreachMs(
  state: LedgerState,
  now: { readonly nowMs: number; readonly periodEndMs: number | null },
): number | null {
  const burn = burnUsdPerHour(state);
  if (burn <= 0) return null;
  const leftUsd = Math.max(0, state.limitUsd - spentSoFarUsd(state, now.nowMs));
  const atMs = Math.round(now.nowMs + (leftUsd / burn) * MS_PER_HOUR);
  return now.periodEndMs !== null && atMs >= now.periodEndMs ? null : atMs;
}
