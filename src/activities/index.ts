import { archiveReceipt } from './archive-receipt.ts';
import { auditBooks } from './audit.ts';
import { awaitDrained } from './await-drained.ts';
import { awaitModel } from './await-model.ts';
import { awaitRunning } from './await-running.ts';
import {
  callOffAttempt,
  closeReservation,
  endAttempt,
  grantAttempt,
  noteAnswered,
  reserveBudget,
} from './budget.ts';
import { confirmGone } from './confirm-gone.ts';
import type { Deps } from './deps.ts';
import { destroyInstance } from './destroy-instance.ts';
import { findByLabel } from './find-by-label.ts';
import { rememberMachines } from './machine-memory.ts';
import { planOffers } from './plan-offers.ts';
import { readAccount } from './read-account.ts';
import { readCharges } from './read-charges.ts';
import { readLog } from './read-log.ts';
import { describeSessions, type SurveyOrder, settleTerminated, surveyInstances } from './reap.ts';
import { rentInstance } from './rent-instance.ts';
import { searchOffers } from './search-offers.ts';
import { startSession } from './start-session.ts';
import { superviseInstance } from './supervise-instance.ts';

export type Activities = ReturnType<typeof createActivities>;

/** Every activity, bound to the outside world. */
export function createActivities(deps: Deps) {
  return {
    reserveBudget: bind(deps, reserveBudget),
    grantAttempt: bind(deps, grantAttempt),
    callOffAttempt: bind(deps, callOffAttempt),
    noteAnswered: bind(deps, noteAnswered),
    endAttempt: bind(deps, endAttempt),
    closeReservation: bind(deps, closeReservation),
    readAccount: () => readAccount(deps),
    searchOffers: bind(deps, searchOffers),
    planOffers: bind(deps, planOffers),
    rentInstance: bind(deps, rentInstance),
    findByLabel: bind(deps, findByLabel),
    awaitRunning: bind(deps, awaitRunning),
    awaitModel: bind(deps, awaitModel),
    superviseInstance: bind(deps, superviseInstance),
    awaitDrained: bind(deps, awaitDrained),
    destroyInstance: bind(deps, destroyInstance),
    confirmGone: bind(deps, confirmGone),
    readCharges: bind(deps, readCharges),
    readLog: bind(deps, readLog),
    startSession: bind(deps, startSession),
    archiveReceipt: bind(deps, archiveReceipt),
    rememberMachines: bind(deps, rememberMachines),
    auditBooks: bind(deps, auditBooks),
    surveyInstances: (order?: SurveyOrder) => surveyInstances(deps, order),
    describeSessions: bind(deps, describeSessions),
    settleTerminated: bind(deps, settleTerminated),
  };
}

function bind<Order, Answer>(deps: Deps, activity: (deps: Deps, order: Order) => Promise<Answer>) {
  return (order: Order): Promise<Answer> => activity(deps, order);
}
