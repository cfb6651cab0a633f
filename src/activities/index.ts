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
import { postToSlack, postToWebhook } from './post-notification.ts';
import { readAccount } from './read-account.ts';
import { readCharges } from './read-charges.ts';
import { readLog } from './read-log.ts';
import {
  describeSessions,
  findIdleVolumes,
  restoreLabel,
  type SurveyOrder,
  settleTerminated,
  surveyInstances,
} from './reap.ts';
import { rentInstance } from './rent-instance.ts';
import { searchOffers } from './search-offers.ts';
import { startSession } from './start-session.ts';
import { superviseInstance } from './supervise-instance.ts';
import { whileAlive } from './watching.ts';

export type Activities = ReturnType<typeof createActivities>;

/** Every activity, bound to the outside world. */
export function createActivities(deps: Deps) {
  return {
    reserveBudget: bindShort(deps, reserveBudget),
    grantAttempt: bindShort(deps, grantAttempt),
    callOffAttempt: bindShort(deps, callOffAttempt),
    noteAnswered: bindShort(deps, noteAnswered),
    endAttempt: bindShort(deps, endAttempt),
    closeReservation: bindShort(deps, closeReservation),
    readAccount: () => whileAlive(() => readAccount(deps)),
    searchOffers: bind(deps, searchOffers),
    planOffers: bind(deps, planOffers),
    rentInstance: bind(deps, rentInstance),
    findByLabel: bindShort(deps, findByLabel),
    awaitRunning: bind(deps, awaitRunning),
    awaitModel: bind(deps, awaitModel),
    superviseInstance: bind(deps, superviseInstance),
    awaitDrained: bind(deps, awaitDrained),
    destroyInstance: bindShort(deps, destroyInstance),
    confirmGone: bindShort(deps, confirmGone),
    readCharges: bindShort(deps, readCharges),
    readLog: bindShort(deps, readLog),
    startSession: bindShort(deps, startSession),
    archiveReceipt: bindShort(deps, archiveReceipt),
    rememberMachines: bindShort(deps, rememberMachines),
    auditBooks: bindShort(deps, auditBooks),
    postToWebhook: bind(deps, postToWebhook),
    postToSlack: bind(deps, postToSlack),
    surveyInstances: (order?: SurveyOrder) => whileAlive(() => surveyInstances(deps, order)),
    findIdleVolumes: () => whileAlive(() => findIdleVolumes(deps)),
    restoreLabel: bindShort(deps, restoreLabel),
    describeSessions: bindShort(deps, describeSessions),
    settleTerminated: bindShort(deps, settleTerminated),
  };
}

/** One that beats by itself, with details worth seeing. */
function bind<Order, Answer>(deps: Deps, activity: (deps: Deps, order: Order) => Promise<Answer>) {
  return (order: Order): Promise<Answer> => activity(deps, order);
}

/** One that says no more than that it is still at work: the death of its worker is noticed before its time is up. */
function bindShort<Order, Answer>(deps: Deps, activity: (deps: Deps, order: Order) => Promise<Answer>) {
  return (order: Order): Promise<Answer> => whileAlive(() => activity(deps, order));
}
