import {
  allHandlersFinished,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { usd } from '../domain/budget.ts';
import {
  callOff,
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
} from '../domain/ledger.ts';
import {
  callOffUpdate,
  closeUpdate,
  configureUpdate,
  endAttemptUpdate,
  grantUpdate,
  type LedgerSummary,
  ledgerQuery,
  noteAnsweredUpdate,
  rebuildUpdate,
  reserveUpdate,
  spendGrantUpdate,
} from './messages.ts';

/**
 * Holds the truth of money for one installation: limit, spending of the period, and a reservation for each
 * open session. Its rules are `domain/ledger.ts`; every handler is synchronous, so they are applied one by one.
 */
export async function budgetLedger(input: { owner: string; carried?: LedgerState }): Promise<void> {
  let ledger = input.carried ?? emptyLedger(input.owner, Date.now());
  const keep = <Answer>({ state, answer }: { state: LedgerState; answer: Answer }): Answer => {
    ledger = state;
    describeLedger(ledger);
    return answer;
  };
  const keepState = (state: LedgerState): void => keep({ state, answer: undefined });

  setHandler(reserveUpdate, (order) => keep(reserve(ledger, { ...order, nowMs: Date.now() })));
  setHandler(grantUpdate, (order) => keep(grant(ledger, { ...order, nowMs: Date.now() })));
  setHandler(spendGrantUpdate, (ref) => keep(spendGrant(ledger, ref)));
  setHandler(callOffUpdate, (ref) => keep(callOff(ledger, ref)));
  setHandler(noteAnsweredUpdate, (note) => keepState(noteAnswered(ledger, note)));
  setHandler(endAttemptUpdate, (end) => keepState(endAttempt(ledger, { ...end, nowMs: Date.now() })));
  setHandler(closeUpdate, (end) => {
    keepState(close(ledger, { ...end, nowMs: Date.now() }));
    return numbersOf(ledger);
  });
  setHandler(configureUpdate, (settings) => {
    keepState(configure(ledger, { ...settings, nowMs: Date.now() }));
    return summaryOf(ledger);
  });
  setHandler(rebuildUpdate, (found) => {
    keepState(rebuild(ledger, found));
    return summaryOf(ledger);
  });
  setHandler(ledgerQuery, () => summaryOf(rollPeriod(ledger, Date.now())));
  describeLedger(ledger);

  await condition(() => workflowInfo().continueAsNewSuggested);
  await condition(allHandlersFinished);
  await continueAsNew<typeof budgetLedger>({ owner: input.owner, carried: ledger });
}

function summaryOf(ledger: LedgerState): LedgerSummary {
  return {
    ...numbersOf(ledger),
    isRebuilt: ledger.isRebuilt,
    period: ledger.period,
    periodStartMs: ledger.periodStartMs,
    periodEndMs: periodEnd(ledger),
    openKeys: Object.keys(ledger.reservations),
  };
}

/** What the Web UI shows of the ledger. */
function describeLedger(ledger: LedgerState): void {
  const { limitUsd, spentUsd, reservedUsd } = numbersOf(ledger);
  const lines = Object.values(ledger.reservations).map(
    ({ session, capUsd, attempts }) =>
      `- **${session}**: ${usd(capUsd)} reserved, ${Object.keys(attempts).length} attempts`,
  );
  setCurrentDetails(
    [
      `**${usd(spentUsd)} spent, ${usd(reservedUsd)} reserved of ${usd(limitUsd)}** (period: ${ledger.period})`,
      ...lines,
    ].join('\n\n'),
  );
}
