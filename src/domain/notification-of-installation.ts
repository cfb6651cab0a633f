import { usd } from './budget.ts';
import type { UntoldAlert } from './budget-outlook.ts';
import type { Notification, Severity } from './notification.ts';
import { clock, cut, maybeIso, round } from './notification-words.ts';

/** What is told that concerns no open session: the budget of the period, orphans, and the test. */

/** A threshold of the limit that all sessions share. */
export function periodBudgetNotice(alert: UntoldAlert): Notification {
  const { percent, atMs, spentUsd, limitUsd, burnUsdPerHour, periodStartMs, periodEndMs } = alert;
  const start = maybeIso(periodStartMs)?.slice(0, 10) ?? 'unknown';
  const until = periodEndMs === null ? 'and the period has no end' : `until ${clock(periodEndMs, atMs)}`;
  return {
    // A limit that was changed is another budget, whose thresholds are news again.
    id: `period-${start}.budget-${percent}.of-${round(limitUsd)}`,
    kind: `budget-${percent}`,
    atMs,
    session: null,
    run: null,
    severity: SEVERITY_OF_PERCENT[percent],
    title:
      percent === 100
        ? 'The budget of all sessions is spent'
        : `${percent} % of the budget of all sessions is spent`,
    text:
      `All sessions together have spent ${usd(spentUsd)} of ${usd(limitUsd)} since ${start}, ${until}; ` +
      `they spend ${usd(burnUsdPerHour)}/h now. ${PERIOD_ADVICE[percent]}`,
    data: {
      percent,
      spent_usd: round(spentUsd),
      limit_usd: round(limitUsd),
      usd_per_hour: round(burnUsdPerHour),
      period_ends: maybeIso(periodEndMs),
    },
  };
}

/** An instance that belonged to no open session. */
export type Orphan = {
  readonly instanceId: number;
  readonly label: string;
  /** Whose label it carries; null where that is not known. */
  readonly session: string | null;
  readonly run: string | null;
  readonly usdPerHour: number | null;
  readonly why: string;
};

export function orphanNotice(orphan: Orphan, nowMs: number): Notification {
  const { instanceId, label, session, run, usdPerHour, why } = orphan;
  const price = usdPerHour === null ? '' : `, ${usd(usdPerHour)}/h`;
  return {
    id: `orphan.${instanceId}`,
    kind: 'orphan-reaped',
    atMs: nowMs,
    session,
    run,
    severity: 'warning',
    title: `Instance ${instanceId} was an orphan, and is destroyed`,
    text:
      `Leash destroyed instance ${instanceId} (${label}${price}): ${cut(why, WHY_CHARACTERS)}. ` +
      'The next look for orphans sees whether it is gone, and destroys it again if not; there is nothing to do. ' +
      'If it happens again, see in Temporal why its session ended without giving it back.',
    data: { instance_id: instanceId, usd_per_hour: usdPerHour === null ? null : round(usdPerHour) },
  };
}

/** `unique` keeps two tests apart. */
export function testNotice(unique: string, nowMs: number): Notification {
  return {
    id: `test.${unique}`,
    kind: 'test',
    atMs: nowMs,
    session: null,
    run: null,
    severity: 'info',
    title: 'A test of Leash’s notifications',
    text: 'Somebody asked Leash for a test. Nothing happened, and there is nothing to do: notifications arrive here.',
    data: {},
  };
}

const WHY_CHARACTERS = 300;

const SEVERITY_OF_PERCENT = { 50: 'info', 80: 'warning', 100: 'critical' } as const satisfies Record<
  number,
  Severity
>;

const PERIOD_ADVICE = {
  50: 'Nothing is to be done as long as that was meant.',
  80: 'A launch is refused once its whole budget does not fit: raise VASTAI_BUDGET_LIMIT, or end what is not needed (leash sessions).',
  100: 'New launches are refused, and open sessions go on within what is reserved for them. Raise VASTAI_BUDGET_LIMIT, or end what is not needed (leash sessions).',
} as const;
