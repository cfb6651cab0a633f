import { CancellationScope, condition, isCancellation, log, patched } from '@temporalio/workflow';
import { type Attempt, attemptView, gpuText, mayExist } from '../domain/attempt.ts';
import { budgetMoment } from '../domain/budget.ts';
import { type Failure, toAttemptFailure } from '../domain/failure.ts';
import type { Notification } from '../domain/notification.ts';
import { dueThreshold, type Money, nextThresholdMs, projectedBreach } from '../domain/notification-due.ts';
import {
  breakerNotice,
  destroyedNotice,
  launchFailedNotice,
  type Machine,
  projectedBreachNotice,
  readyNotice,
  type Subject,
  sessionBudgetNotice,
  unconfirmedNotice,
} from '../domain/notification-of-session.ts';
import type { Receipt } from '../domain/session.ts';
import { NOTIFICATIONS_PATCH, startDelivery } from './notifying.ts';
import type { Rental } from './rental.ts';

/**
 * What people are told of a session, and when. Each function starts a delivery beside whatever else goes on and
 * returns at once: nothing of a session waits for it but its very end.
 *
 * 1. Where nobody is to be told, nothing here writes to history.
 * 2. Nothing here throws, or waits in the way of a teardown.
 */

/** How long a DELETE may go unconfirmed before people are told. */
const UNCONFIRMED_MS = 120_000;

export function tellReady(rental: Rental, attempt: Attempt): void {
  const { model } = rental.request;
  const { startedAtMs } = rental.state;
  const { keepAliveUntilMs } = rental;
  tell(rental, (of) => readyNotice(of, machineOf(attempt), { model, startedAtMs, keepAliveUntilMs }));
}

/** A READY instance is given up; `isReplaced`: another is rented in its place. */
export function tellBreaker(rental: Rental, attempt: Attempt, failure: Failure, isReplaced: boolean): void {
  const next = isReplaced ? 'replaced' : failure.stop ? 'no-use' : 'not-asked';
  const servedMs = Date.now() - (attempt.readyAtMs ?? Date.now());
  const broken = { failure: toAttemptFailure(failure), servedMs, next } as const;
  tell(rental, (of) => breakerNotice(of, machineOf(attempt), broken));
}

/** As the session begins to end: a launch that came to nothing, and a budget that was reached. */
export function tellEnding(rental: Rental): void {
  const { ending, attempts } = rental.state;
  if (ending === null) return;
  tellThreshold(rental);
  if (!isFailedLaunch(rental)) return;
  const launch = {
    ...ending,
    attempts: attempts.map((attempt) => attemptView(attempt, Date.now())),
    isLeaving: attempts.some(mayExist),
  };
  tell(rental, (of) => launchFailedNotice(of, launch));
}

/** With the receipt. A launch that failed before anything was rented has been told of as such. */
export function tellDestroyed(rental: Rental, receipt: Receipt): void {
  const wasRented = rental.state.attempts.some(({ instanceIds }) => instanceIds.length > 0);
  if (isFailedLaunch(rental) && !wasRented) return;
  tell(rental, (of) => destroyedNotice(of, receipt));
}

function isFailedLaunch({ state: { ending, readyAtMs } }: Rental): boolean {
  return readyAtMs === null && ending?.outcome !== 'completed' && ending?.outcome !== 'cancelled';
}

/** That the budget will end the session while it is in use; once. */
export function tellProjectedBreach(rental: Rental): void {
  const nowMs = Date.now();
  const { spending, keptUntilMs } = moneyOf(rental, nowMs);
  const endsAtMs = budgetMoment(spending, nowMs);
  if (isTold(rental, 'projected-breach') || endsAtMs === null || keptUntilMs === null) return;
  const { burnUsdPerHour } = spending;
  tellOnce(rental, 'projected-breach', (of) =>
    projectedBreachNotice(of, { burnUsdPerHour, endsAtMs, keptUntilMs }),
  );
}

/** The moment after which being kept is news, for supervision to go by; null where it is none. */
export function breachNewsMs(rental: Rental): number | null {
  const nowMs = Date.now();
  if (!isHeard(rental) || isTold(rental, 'projected-breach')) return null;
  const endsAtMs = budgetMoment(rental.spending(nowMs), nowMs);
  return endsAtMs !== null && endsAtMs < keptUntilMax(rental) ? endsAtMs : null;
}

/**
 * Tells of the budget's thresholds in the moment they are reached, until the session begins to end.
 *
 * One timer, for the next threshold. It is armed anew when that came notably nearer; what moved away is found out
 * when it fires.
 */
export async function watchMoney(rental: Rental): Promise<void> {
  if (!isHeard(rental) || !patched(NOTIFICATIONS_PATCH)) return;
  await harmless(rental, async () => {
    while (!rental.isEnding) {
      tellThreshold(rental);
      if (hasBreachNews(rental)) tellProjectedBreach(rental);
      await nextNews(rental);
    }
  });
}

/** Tells of a DELETE that is not confirmed in time, and again once the instance is seen gone; ends with that. */
export async function watchTeardown(rental: Rental, attempt: Attempt): Promise<void> {
  if (!isHeard(rental) || !patched(NOTIFICATIONS_PATCH)) return;
  const isGone = () => attempt.phase === 'gone';
  await harmless(rental, async () => {
    await condition(() => attempt.destroySentAtMs !== null || isGone());
    if (isGone()) return;
    const wasSoon = await condition(isGone, UNCONFIRMED_MS, { summary: 'is it gone in time?' });
    if (wasSoon) return;
    tellTeardown(rental, attempt);
    await condition(isGone);
    tellTeardown(rental, attempt);
  });
}

/** A bug in what only tells is shown, and is nobody's end. */
async function harmless({ input }: Rental, watch: () => Promise<void>): Promise<void> {
  try {
    await watch();
  } catch (error) {
    // Where the scope was cancelled the session is ending, and what is due then is told there.
    if (!isCancellation(error))
      log.error('what is told of the session is watched no more', {
        session: input.session,
        why: String(error),
      });
  }
}

function tellTeardown(rental: Rental, attempt: Attempt): void {
  const deleteSentAtMs = attempt.destroySentAtMs ?? Date.now();
  const isGone = attempt.phase === 'gone';
  tell(rental, (of) => unconfirmedNotice(of, machineOf(attempt), { deleteSentAtMs, isGone }));
}

const SOON_MS = 1_000;

async function nextNews(rental: Rental): Promise<void> {
  const armedAtMs = Date.now();
  const nextMs = nextInLifeMs(rental);
  // Each rearming is two events: what came nearer by a hundredth of the wait is late by no more than that.
  const nearerMs = nextMs === null ? null : nextMs - Math.max(SOON_MS, (nextMs - armedAtMs) / 100);
  const hasNews = () => {
    const money = moneyOf(rental, Date.now());
    const movedToMs = nextInLifeMs(rental);
    return (
      rental.isEnding ||
      dueThreshold(money) !== null ||
      hasBreachNews(rental) ||
      (movedToMs !== null && (nearerMs === null || movedToMs < nearerMs))
    );
  };
  if (nextMs === null) await condition(hasNews);
  else await condition(hasNews, Math.max(SOON_MS, nextMs - armedAtMs), { summary: 'budget threshold' });
}

/** Null for a threshold that comes after its lifetime: no timer waits for that. */
function nextInLifeMs(rental: Rental): number | null {
  const nextMs = nextThresholdMs(moneyOf(rental, Date.now()));
  return nextMs === null || nextMs > rental.state.lifetimeUntilMs ? null : nextMs;
}

function hasBreachNews(rental: Rental): boolean {
  return !isTold(rental, 'projected-breach') && projectedBreach(moneyOf(rental, Date.now())) !== null;
}

function tellThreshold(rental: Rental): void {
  const nowMs = Date.now();
  const money = moneyOf(rental, nowMs);
  const percent = dueThreshold(money);
  if (percent === null) return;
  const { burnUsdPerHour } = money.spending;
  const endsAtMs = budgetMoment(money.spending, nowMs);
  tellOnce(rental, `budget-${percent}`, (of) =>
    sessionBudgetNotice(of, { percent, burnUsdPerHour, endsAtMs }),
  );
}

function moneyOf(rental: Rental, nowMs: number): Money {
  const { keepAliveUntilMs } = rental;
  return {
    spending: rental.spending(nowMs),
    nowMs,
    keptUntilMs: keepAliveUntilMs === null ? null : Math.min(keepAliveUntilMs, keptUntilMax(rental)),
    told: rental.state.told ?? [],
  };
}

/** No use and no extension keeps it beyond this. */
function keptUntilMax(rental: Rental): number {
  return Math.min(rental.state.lifetimeUntilMs, rental.labelExpiresAtMs ?? Number.POSITIVE_INFINITY);
}

function isTold(rental: Rental, kind: Notification['kind']): boolean {
  return rental.state.told?.includes(kind) === true;
}

/** Heard or not, it is done with: who is told from the middle of a session on is not told what is long past. */
function tellOnce(rental: Rental, kind: Notification['kind'], make: (of: Subject) => Notification): void {
  rental.state.told = [...(rental.state.told ?? []), kind];
  tell(rental, make);
}

function tell(rental: Rental, make: (of: Subject) => Notification): void {
  const { notify = [] } = rental.policy;
  if (!isHeard(rental) || !patched(NOTIFICATIONS_PATCH)) return;
  rental.telling += 1;
  void CancellationScope.nonCancellable(async () => {
    try {
      await startDelivery(make(subjectOf(rental)), notify);
    } catch (error) {
      log.error('a notification could not be written', { session: rental.input.session, why: String(error) });
    } finally {
      rental.telling -= 1;
    }
  });
}

/** Fixed with the session's policy, as all that it runs by. */
function isHeard({ policy }: Rental): boolean {
  return (policy.notify?.length ?? 0) > 0;
}

function subjectOf(rental: Rental): Subject {
  const nowMs = Date.now();
  const { budgetUsd, spentUsd } = rental.spending(nowMs);
  const { session, run } = rental.input;
  return { session, run, nowMs, budgetUsd, spentUsd };
}

function machineOf(attempt: Attempt): Machine {
  const { choice, meter, instanceIds } = attempt;
  return {
    attempt: attempt.attempt,
    instanceId: instanceIds[0] ?? null,
    machineId: choice.machineId,
    gpu: gpuText(choice),
    usdPerHour: meter.gpuUsdPerHour + meter.storageUsdPerHour,
  };
}
