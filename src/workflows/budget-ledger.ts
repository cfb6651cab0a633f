import {
  allHandlersFinished,
  condition,
  patched,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { forWebUi, usd } from '../domain/budget.ts';
import { nextAlertMs, projectedBreachMs, withAlerts, withoutPassedAlerts } from '../domain/budget-outlook.ts';
import {
  callOff,
  carriedLedger,
  close,
  configure,
  emptyLedger,
  endAttempt,
  grant,
  type LedgerState,
  noteAnswered,
  numbersOf,
  periodEnd,
  rebuild,
  reserve,
  rollPeriod,
  spendGrant,
  unansweredCreates,
} from '../domain/ledger.ts';
import { periodBudgetNotice } from '../domain/notification-of-installation.ts';
import { correct } from '../domain/settled.ts';
import {
  callOffUpdate,
  closeUpdate,
  configureUpdate,
  correctUpdate,
  endAttemptUpdate,
  grantUpdate,
  type LedgerBooks,
  type LedgerSummary,
  ledgerBooksQuery,
  ledgerQuery,
  noteAnsweredUpdate,
  rebuildUpdate,
  reservationQuery,
  reserveUpdate,
  spendGrantUpdate,
} from './messages.ts';
import { continueInNextRun } from './next-run.ts';
import { NOTIFICATIONS_PATCH, startDelivery } from './notifying.ts';

/**
 * Holds the truth of money for one installation: limit, spending of the period, and a reservation for each
 * open session. Its rules are `domain/ledger.ts`; every handler is synchronous, so they are applied one by one.
 */
export async function budgetLedger(input: { owner: string; carried?: LedgerState }): Promise<void> {
  let ledger =
    input.carried === undefined
      ? emptyLedger(input.owner, Date.now())
      : carriedLedger(input.carried, Date.now());
  const keep = <Answer>({ state, answer }: { state: LedgerState; answer: Answer }): Answer => {
    ledger = withAlerts(state, Date.now());
    describeLedger(ledger);
    return answer;
  };
  const keepState = (state: LedgerState): void => keep({ state, answer: undefined });

  setHandler(reserveUpdate, (order) => keep(reserve(ledger, { ...order, nowMs: Date.now() })));
  setHandler(grantUpdate, (order) => keep(grant(ledger, { ...order, nowMs: Date.now() })));
  setHandler(spendGrantUpdate, (ref) => keep(spendGrant(ledger, { ...ref, nowMs: Date.now() })));
  setHandler(callOffUpdate, (ref) => keep(callOff(ledger, ref)));
  setHandler(noteAnsweredUpdate, (note) => keepState(noteAnswered(ledger, note)));
  setHandler(endAttemptUpdate, (end) => keepState(endAttempt(ledger, { ...end, nowMs: Date.now() })));
  setHandler(closeUpdate, (end) => {
    keepState(close(ledger, { ...end, nowMs: Date.now() }));
    return numbersOf(ledger);
  });
  setHandler(configureUpdate, (settings) => {
    const nowMs = Date.now();
    keepState(withoutPassedAlerts(configure(ledger, { ...settings, nowMs }), nowMs));
    return summaryOf(ledger, Date.now());
  });
  setHandler(rebuildUpdate, (found) => {
    keepState(rebuild(ledger, found));
    return summaryOf(ledger, Date.now());
  });
  setHandler(correctUpdate, ({ corrections }) => {
    const nowMs = Date.now();
    keepState(correct(rollPeriod(ledger, nowMs), { corrections, nowMs }));
    return summaryOf(ledger, Date.now());
  });
  setHandler(ledgerQuery, (askedAtMs = Date.now()) => summaryOf(rollPeriod(ledger, askedAtMs), askedAtMs));
  setHandler(ledgerBooksQuery, (askedAtMs) => booksOf(rollPeriod(ledger, askedAtMs)));
  setHandler(reservationQuery, (key) => ledger.reservations[key] ?? null);
  describeLedger(ledger);

  const mustEnd = () => workflowInfo().continueAsNewSuggested;
  while (!mustEnd() || ledger.untold.length > 0) {
    await awaitNews(() => ledger, mustEnd);
    // What became due by the clock alone was noticed by no message.
    keepState(rollPeriod(ledger, Date.now()));
    const [alert] = ledger.untold;
    if (alert === undefined) continue;
    if (patched(NOTIFICATIONS_PATCH)) await startDelivery(periodBudgetNotice(alert), ledger.notify);
    ledger = { ...ledger, untold: ledger.untold.filter((one) => one !== alert) };
  }
  await condition(allHandlersFinished);
  await continueInNextRun<typeof budgetLedger>({ owner: input.owner, carried: ledger });
}

/** Nearer by less is not worth the two events of another timer. */
const NEARER_MS = 30_000;
/** A limit that is hardly burnt is reached in years. */
const WAIT_MS_MAX = 30 * 86_400_000;

/** Until an alert is to be told, or is due by the clock, or the run must end. Where nobody is told, no timer runs. */
async function awaitNews(ledger: () => LedgerState, mustEnd: () => boolean): Promise<void> {
  const isNews = () => mustEnd() || ledger().untold.length > 0;
  const dueMs = () => (ledger().notify.length > 0 ? nextAlertMs(ledger(), Date.now()) : null);
  const nextMs = dueMs();
  if (nextMs === null) {
    await condition(() => isNews() || dueMs() !== null);
  } else if (patched(NOTIFICATIONS_PATCH)) {
    const isNearer = () => (dueMs() ?? nextMs) < nextMs - NEARER_MS;
    const waitMs = Math.min(WAIT_MS_MAX, Math.max(1_000, nextMs - Date.now()));
    await condition(() => isNews() || isNearer(), waitMs, { summary: 'budget threshold' });
  } else {
    await condition(isNews);
  }
}

function summaryOf(ledger: LedgerState, nowMs: number): LedgerSummary {
  const periodEndMs = periodEnd(ledger);
  return {
    ...numbersOf(ledger),
    isRebuilt: ledger.isRebuilt,
    period: ledger.period,
    periodStartMs: ledger.periodStartMs,
    periodEndMs,
    openKeys: Object.keys(ledger.reservations),
    unansweredSinceMs: unansweredCreates(ledger),
    alerts: ledger.alerts,
    alertsFired: ledger.alertsFired,
    projectedBreachAtMs: projectedBreachMs(ledger, { nowMs, periodEndMs }),
  };
}

function booksOf(ledger: LedgerState): LedgerBooks {
  const { isRebuilt, periodStartMs, settled, settledSinceMs } = ledger;
  return { isRebuilt, periodStartMs, settled, settledSinceMs, openKeys: Object.keys(ledger.reservations) };
}

/** What the Web UI shows of the ledger. */
function describeLedger(ledger: LedgerState): void {
  const { limitUsd, spentUsd, reservedUsd } = numbersOf(ledger);
  const lines = Object.values(ledger.reservations).map(
    ({ session, capUsd, attempts }) =>
      `- **${session}**: ${usd(capUsd)} reserved, ${Object.keys(attempts).length} attempts`,
  );
  const alerts = ledger.alerts.map(
    ({ percent, atMs }) => `- ${percent} % reached at ${new Date(atMs).toISOString()}`,
  );
  setCurrentDetails(
    forWebUi(
      [
        `**${usd(spentUsd)} spent, ${usd(reservedUsd)} reserved of ${usd(limitUsd)}** (period: ${ledger.period})`,
        ...alerts,
        ...lines,
      ].join('\n\n'),
    ),
  );
}
