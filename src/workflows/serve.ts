import { CancellationScope, condition, workflowInfo } from '@temporalio/workflow';
import type { SuperviseResult } from '../activities/supervise-instance.ts';
import { type Attempt, attemptSpent } from '../domain/attempt.ts';
import { budgetMoment } from '../domain/budget.ts';
import { failureOf } from '../domain/failure.ts';
import { TEMPORAL_SILENCE_MS } from '../domain/policy.ts';
import { blame } from './blame.ts';
import { awaitDelete, startGivingBack } from './give-back.ts';
import { watch } from './policies.ts';
import { remember } from './remember.ts';
import type { Rental } from './rental.ts';

/**
 * Keeps a READY instance in service, one supervised slice after another.
 *
 * Returns true when the run should continue as new, false when the instance was lost and is to be replaced or
 * the session ends. Supervision tells facts; what follows from them is decided here.
 */
export async function serve(rental: Rental): Promise<boolean> {
  while (!rental.isEnding && rental.serving !== null) {
    const serving = rental.serving;
    const seen = await sliceUnlessFull(rental, serving);
    if (seen === null) {
      // What supervision saw last is not known: thousands of messages count as use.
      rental.state.lastUsedAtMs = Date.now();
    } else {
      rental.learn(serving, seen.facts);
      rental.state.lastUsedAtMs = Math.max(rental.state.lastUsedAtMs ?? 0, seen.lastUsedAtMs);
      rental.state.health = seen.health;
      await decide(rental, serving, seen);
    }
    rental.publish();
    if (isHistoryLong(rental) && mayContinueAsNew(rental)) return true;
  }
  return false;
}

/**
 * A slice, or null when messages filled the history meanwhile: then the run continues as new at once.
 *
 * The supervision that is left behind learns of its run's end with its next heartbeat; until then two look.
 */
async function sliceUnlessFull(rental: Rental, serving: Attempt): Promise<SuperviseResult | null> {
  const full = condition(() => isHistoryLong(rental) && mayContinueAsNew(rental));
  return Promise.race([superviseSlice(rental, serving), full.then(() => null)]);
}

function superviseSlice(rental: Rental, serving: Attempt): Promise<SuperviseResult> {
  const { policy, request, state } = rental;
  const nowMs = Date.now();
  const [instanceId = 0] = serving.instanceIds;
  const spending = rental.spending(nowMs);
  state.sliceEndsAtMs = Math.min(nowMs + policy.sliceMs, state.lifetimeUntilMs);
  const proxy = watch({
    summary: `supervise instance ${instanceId}`,
    policy,
    forMs: state.sliceEndsAtMs - nowMs,
  });
  return proxy.superviseInstance({
    label: serving.label,
    instanceId,
    endpoint: serving.endpoint ?? '',
    model: request.model,
    sliceEndsAtMs: state.sliceEndsAtMs,
    lookMs: policy.healthIntervalMs,
    meterMs: policy.meterMs,
    heartbeatMs: policy.heartbeatMs,
    lostGapMs: policy.lostGapMs,
    keepAliveMs: request.keepAliveMs,
    lastUsedAtMs: state.lastUsedAtMs ?? nowMs,
    keptUntilMs: state.keptUntilMs,
    endsByMs: rental.endsByMs(nowMs),
    guardMs: policy.guardMs ?? 0,
    temporalSilenceMs: policy.temporalSilenceMs ?? TEMPORAL_SILENCE_MS,
    lastOkAtMs: state.health.lastOkAtMs,
    breaksOnFailures: policy.autoDestroyOnError,
    budgetMomentMs: budgetMoment(spending, nowMs) ?? state.lifetimeUntilMs,
    burnUsdPerHour: spending.burnUsdPerHour,
    seen: {
      usdPerHour: serving.meter.gpuUsdPerHour + serving.meter.storageUsdPerHour,
      downloadMb: serving.meter.downloadMb,
      uploadMb: serving.meter.uploadMb,
    },
    money: {
      meter: serving.meter,
      otherUsd: spending.spentUsd - attemptSpent(serving, nowMs).total,
    },
  });
}

async function decide(rental: Rental, serving: Attempt, seen: SuperviseResult): Promise<void> {
  switch (seen.kind) {
    case 'slice-over':
    case 'price-changed':
      return;
    case 'idle':
      // An extension or a touch may have come while supervision looked.
      if ((rental.keepAliveUntilMs ?? 0) <= Date.now())
        rental.begin({ outcome: 'completed', reason: 'idle' });
      return;
    case 'unhealthy':
    case 'lost':
      await giveUp(rental, serving, seen);
  }
}

/** Destroyed before another is rented, never restarted; replaced only when that was asked for. */
async function giveUp(rental: Rental, serving: Attempt, seen: SuperviseResult): Promise<void> {
  const failure = await blame(rental, serving, seen.failure ?? failureOf('vanished'));
  rental.fail(serving, failure);
  if (!rental.request.replace || failure.stop) {
    rental.begin({ outcome: seen.kind === 'lost' ? 'lost' : 'unhealthy', reason: failure.message });
    return;
  }
  rental.state.servingAttempt = null;
  rental.state.launchUntilMs = Date.now() + rental.policy.launchMs;
  startGivingBack(rental, serving);
  remember(rental, serving);
  await awaitDelete(serving);
}

function isHistoryLong(rental: Rental): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  const { historyEventsMax } = rental.policy;
  return continueAsNewSuggested || (historyEventsMax !== null && historyLength >= historyEventsMax);
}

/** Only in READY, with nothing else under way: a teardown's promise does not cross runs. */
function mayContinueAsNew(rental: Rental): boolean {
  return (
    !rental.isEnding &&
    rental.serving !== null &&
    rental.givingBack.size === 0 &&
    rental.remembering === 0 &&
    !CancellationScope.current().consideredCancelled
  );
}
