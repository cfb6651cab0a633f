import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  currentUpdateInfo,
  isCancellation,
  log,
  patched,
  setHandler,
  setWorkflowOptions,
  workflowInfo,
} from '@temporalio/workflow';
import type { Receipt } from '../domain/session.ts';
import { takeOn } from './accept.ts';
import { giveBackAll, settleMoney } from './give-back.ts';
import { countEnd, openLaunchCounts } from './measuring.ts';
import {
  costsQuery,
  destroySignal,
  destroyUpdate,
  extendSignal,
  extendUpdate,
  openUpdate,
  type SessionInput,
  statusQuery,
  touchSignal,
} from './messages.ts';
import { continueInNextRun } from './next-run.ts';
import { obtain } from './obtain.ts';
import { type Ending, Rental } from './rental.ts';
import { serve } from './serve.ts';
import { tellEnding, watchMoney } from './session-notifications.ts';
import { costsOf } from './telling.ts';

/**
 * Rents a GPU, serves from it while its keep-alive and budget last, and always gives it back.
 *
 * 1. Every label is in state and in the memo's claims before its create is scheduled, and leaves the claims
 *    only when its instance is known to be gone.
 * 2. Every way out of the `try` reaches the teardown; nothing before the `try` waits.
 * 3. Handlers set state and return: one that threw would end the run with no teardown.
 */
export async function gpuSession(input: SessionInput): Promise<Receipt> {
  const root = CancellationScope.current();
  const running = new CancellationScope();
  const rental = new Rental(input, running);
  listen(rental);
  openLaunchCounts();

  let isForNextRun = false;
  try {
    await running.run(async () => {
      await takeOn(rental);
      void watchMoney(rental);
      const clock = watchDeadlines(rental);
      while (!rental.isEnding && !isForNextRun) {
        if (rental.serving === null) await obtain(rental);
        isForNextRun = await serve(rental);
      }
      if (!isForNextRun) await clock;
    });
  } catch (error) {
    // Once it is ending, whatever was interrupted by that is no news.
    // A call that a cancel meets between two tries fails with what its last try said, not as cancelled.
    const isCancelled =
      isCancellation(error) || (root.consideredCancelled && patched('cancelled-between-tries'));
    if (!rental.isEnding) rental.begin(isCancelled ? CANCELLED : failedWith(rental, error));
  }
  // Cancelling the session must not cancel its teardown: what we forget goes on billing.
  return CancellationScope.nonCancellable(async () => {
    if (isForNextRun && !rental.isEnding) {
      await condition(allHandlersFinished);
      if (root.consideredCancelled) rental.begin(CANCELLED);
      if (!rental.isEnding) await continueInNextRun<typeof gpuSession>({ ...input, carried: rental.state });
    }
    rental.publish();
    tellEnding(rental);
    await giveBackAll(rental);
    const receipt = await settleMoney(rental);
    await condition(allHandlersFinished);
    countEnd(receipt.outcome, receipt.readyAtMs !== null);
    return receipt;
  });
}

// With a worker that has versions a session stays, whatever is deployed meanwhile; of one without, Temporal takes no answer
// that names a behaviour.
setWorkflowOptions(
  () => (workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior: 'PINNED' } : {}),
  gpuSession,
);

const CANCELLED: Ending = { outcome: 'cancelled', reason: 'Cancelled from outside.' };

/** What can be asked of a session, and how. Set before the first wait, so that no message finds nobody. */
function listen(rental: Rental): void {
  setHandler(statusQuery, (nowMs) => rental.view(laterOf(Date.now(), nowMs)), {
    description: 'What the session is doing and has cost',
  });
  setHandler(costsQuery, (askedAtMs) => costsOf(rental, askedAtMs), {
    description: 'What each of its instances has cost, in parts',
  });
  setHandler(openUpdate, async () => {
    await condition(() => rental.state.accepted !== null || rental.isEnding);
    return { view: rental.view(Date.now()), refusal: rental.state.refusal };
  });
  setHandler(
    extendUpdate,
    (order) => {
      const isRepeat = rental.noteUpdate(currentUpdateInfo()?.id ?? '');
      if (!isRepeat) applyExtension(rental, order.additionalMs);
      return rental.view(Date.now());
    },
    {
      validator: (order) => refuseExtension(rental, order.additionalMs),
      description: 'Adds time to the keep-alive',
    },
  );
  setHandler(destroyUpdate, (order) => {
    rental.begin(requestedEnd(order));
    return rental.view(Date.now());
  });
  setHandler(extendSignal, (typed) => applyExtension(rental, typedMinutes(typed) * 60_000), {
    description: '{"additional_minutes": 30}',
  });
  setHandler(destroySignal, (typed) => rental.begin(requestedEnd(typed)), {
    description: 'Ends the session and gives its GPU back',
  });
  setHandler(touchSignal, () => {
    if (rental.serving !== null) rental.state.lastUsedAtMs = Date.now();
  });
}

/** Somebody asked for the end, or the program that brought everything up is stopping. */
function requestedEnd(order: unknown): Ending {
  const isShutdown =
    typeof order === 'object' && order !== null && Reflect.get(order, 'reason') === 'shutdown';
  return { outcome: 'completed', reason: isShutdown ? 'shutdown' : 'requested' };
}

/** Whoever asks from the Web UI gives no time, or nonsense. */
function laterOf(workflowMs: number, givenMs: unknown): number {
  return typeof givenMs === 'number' && givenMs > workflowMs ? givenMs : workflowMs;
}

/** Same rules for update and signal; a refusal is recorded, not thrown. */
function applyExtension(rental: Rental, additionalMs: number): void {
  const answer = rental.extension(additionalMs);
  if (answer.kind === 'refused') {
    rental.state.note = `An extension was refused: ${answer.detail}`;
    return;
  }
  if (rental.serving === null) rental.state.grantedBeforeReadyMs += additionalMs;
  else rental.state.keptUntilMs = answer.keepAliveUntilMs;
}

/** Runs as the update's validator: synchronous, and what it throws rejects the update with no event. */
function refuseExtension(rental: Rental, additionalMs: number): void {
  if (rental.state.seenUpdates.includes(currentUpdateInfo()?.id ?? '')) return;
  const answer = rental.extension(additionalMs);
  if (answer.kind === 'refused') {
    throw ApplicationFailure.create({ type: answer.problem, message: answer.detail, nonRetryable: true });
  }
}

/** Whatever was typed into the Web UI; NaN, which every rule refuses, when it does not fit. */
function typedMinutes(typed: unknown): number {
  const minutes =
    typeof typed === 'object' && typed !== null ? Reflect.get(typed, 'additional_minutes') : typed;
  return typeof minutes === 'number' ? minutes : Number.NaN;
}

/**
 * The clock's part: lifetime, budget, launch and (behind supervision) keep-alive, as one durable timer.
 *
 * It is armed anew when the next deadline came nearer, and with each slice of supervision, which moves the
 * keep-alive's away: in a task that runs anyway that costs two events, while finding out by firing costs five.
 * What else moves away is found out when it fires.
 */
async function watchDeadlines(rental: Rental): Promise<void> {
  try {
    while (!rental.isEnding) {
      const next = rental.nextDeadline(Date.now());
      if (next.atMs <= Date.now()) {
        if (isUnwatched(rental, next) && patched('late-keep-alive-looks')) {
          rental.state.sliceEndsAtMs = Date.now();
          continue;
        }
        rental.begin(next.ending);
        return;
      }
      const { sliceEndsAtMs } = rental.state;
      const hasMoved = () => {
        const { atMs } = rental.nextDeadline(Date.now());
        return atMs < next.atMs - 1_000 || (atMs > next.atMs && rental.state.sliceEndsAtMs !== sliceEndsAtMs);
      };
      await condition(() => rental.isEnding || hasMoved(), Math.max(1, next.atMs - Date.now()), {
        summary: `${next.why} deadline`,
      });
    }
  } catch (error) {
    // The scope was cancelled: the session is ending, which is all this was waiting for.
    if (!isCancellation(error)) throw error;
  }
}

/**
 * Whether a keep-alive is found over so late that nothing of ours ran when it was: while Temporal was away, or since
 * the moment it was put back to. Use since then is not known, so supervision has its time to look first.
 */
function isUnwatched(rental: Rental, { atMs, why }: { atMs: number; why: string }): boolean {
  return why === 'keep-alive' && Date.now() - atMs > rental.policy.heartbeatTimeoutMs;
}

/** A bug ends the session like anything else: given back first, and said plainly. */
function failedWith(rental: Rental, error: unknown): Ending {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  log.error('session failed', { message });
  const outcome = rental.state.readyAtMs === null ? 'launch-failed' : 'lost';
  return { outcome, reason: `It failed unexpectedly: ${message.slice(0, 300)}` };
}
