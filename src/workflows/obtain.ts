import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { RentResult } from '../activities/rent-instance.ts';
import { type Attempt, type Choice, gpuText, type InstanceFacts } from '../domain/attempt.ts';
import { affords, usd } from '../domain/budget.ts';
import { classifyCreateRefusal, contractMismatch, type Failure, failureOf } from '../domain/failure.ts';
import { forecastOf } from '../domain/forecast.ts';
import { costAt } from '../domain/meter.ts';
import { blame } from './blame.ts';
import { awaitDelete, startGivingBack } from './give-back.ts';
import { countReady } from './measuring.ts';
import { create, listing, quick, watchToEnd } from './policies.ts';
import { remember } from './remember.ts';
import type { Rental } from './rental.ts';
import { tellReady } from './session-notifications.ts';
import { Shelf } from './shelf.ts';

/** What is nobody's fault (429, 5xx) passes; the next offer would meet it too. */
const NOBODY_PAUSE_MS = 5_000;

/**
 * Rents until a model is served: offers by rank, tier after tier. With a hedge, on several hosts side by side;
 * the first that is READY wins and the others are given back.
 *
 * Ends the session when nothing more can be tried. Returns with `serving` set, or with the session ending.
 */
export async function obtain(rental: Rental): Promise<void> {
  const shelf = new Shelf(rental);
  const lanes = new CancellationScope();
  const race: Race = { winner: null, stopped: null, last: null };
  const lane = async (): Promise<void> => {
    try {
      race.last = (await rentUntilReady(rental, shelf, race, lanes)) ?? race.last;
    } catch (error) {
      // It was called off, and may tell of it by what its last try failed with: nothing is tried again then.
      if (race.winner !== null && (isCancellation(error) || patched('lane-called-off'))) return;
      throw error;
    }
  };
  await lanes.run(() => Promise.all(Array.from({ length: rental.request.hedge }, lane)));
  if (race.winner !== null) {
    becomeReady(rental, race.winner);
    return;
  }
  if (rental.isEnding) return;
  // A lane that the budget did not carry beside the others says less than the one that was left.
  endLaunch(rental, race.stopped ?? race.last ?? failureOf('no-offers'));
}

/** What the lanes of one launch know of each other. */
type Race = {
  winner: Attempt | null;
  /** A failure after which no host would help. */
  stopped: Failure | null;
  /** Of the lane that ended last. */
  last: Failure | null;
};

async function rentUntilReady(
  rental: Rental,
  shelf: Shelf,
  race: Race,
  lanes: CancellationScope,
): Promise<Failure | null> {
  let last: Failure | null = null;
  while (!rental.isEnding && race.winner === null) {
    // Sessions of before let every lane find out for itself.
    if (race.stopped !== null && patched('lanes-stop-together')) return race.stopped;
    const choice = await shelf.next();
    if ('failure' in choice)
      return last !== null && choice.failure.kind === 'no-offers' ? last : choice.failure;
    const failure = await tryOffer(rental, choice.choice, { shelf, race });
    if (failure === null) {
      lanes.cancel();
      return null;
    }
    last = failure;
    if (failure.stop) {
      race.stopped ??= failure;
      return failure;
    }
    if (failure.whose === 'nobody')
      await sleep(NOBODY_PAUSE_MS, { summary: 'nobody’s fault: wait before the next offer' });
  }
  return last;
}

/** One attempt, from its label to READY; null when it is. What was begun is given back on every other way out. */
async function tryOffer(
  rental: Rental,
  choice: Choice,
  { shelf, race }: { shelf: Shelf; race: Race },
): Promise<Failure | null> {
  const attempt = rental.openAttempt(choice);
  let failure: Failure | null;
  try {
    failure = await walk(rental, attempt, shelf);
  } catch (error) {
    startGivingBack(rental, attempt);
    throw error;
  }
  if (failure === null) {
    // Two hosts of a hedge can be READY in the same moment: one wins, the other goes back.
    if (race.winner === null) race.winner = attempt;
    else startGivingBack(rental, attempt);
    return null;
  }
  const judged = await blame(rental, attempt, failure);
  rental.fail(attempt, judged);
  startGivingBack(rental, attempt);
  remember(rental, attempt);
  await awaitDelete(attempt);
  return judged;
}

/** The phases of an attempt, in order; the first that fails says why. */
async function walk(rental: Rental, attempt: Attempt, shelf: Shelf): Promise<Failure | null> {
  return (
    (await grant(rental, attempt, shelf)) ??
    (await rent(rental, attempt)) ??
    (await boot(rental, attempt)) ??
    (await checkContract(rental, attempt)) ??
    (await startModel(rental, attempt))
  );
}

/** No grant, no create: the ledger books the attempt and gives it the machine. */
async function grant(rental: Rental, attempt: Attempt, shelf: Shelf): Promise<Failure | null> {
  const { choice } = attempt;
  const answer = await quick({
    summary: `grant attempt ${attempt.attempt}: ${gpuText(choice)}, ${usd(choice.usdPerHour)}/h`,
  }).grantAttempt({
    key: rental.key,
    attempt: attempt.attempt,
    machineId: choice.machineId,
    offerId: choice.offerId,
    usdPerHour: choice.usdPerHour,
    reservation: { key: rental.key, session: rental.input.session, capUsd: rental.request.budgetUsd },
    label: attempt.label,
  });
  switch (answer.kind) {
    case 'granted':
      return null;
    case 'machine-taken':
      if (answer.crowd !== undefined) shelf.giveWay(answer.crowd);
      return failureOf('machine-taken');
    case 'closed':
      return failureOf('machine-taken', 'the reservation is closed');
    case 'made-before':
      rental.recall(attempt, answer);
      return failureOf('made-before');
    case 'ended-before':
      return failureOf('ended-before');
  }
}

/** The one create of this label, and what can be known of it. */
async function rent(rental: Rental, attempt: Attempt): Promise<Failure | null> {
  enter(rental, attempt, 'creating');
  attempt.createSentAtMs = Date.now();
  const result = await sendCreate(rental, attempt);
  // It may have waited long for its turn: what settles by time counts from the latest moment it can have gone out.
  attempt.createSentAtMs = Date.now();
  if (result.kind === 'created') {
    attempt.instanceIds.push(result.instanceId);
    attempt.meter = { ...attempt.meter, createdAtMs: result.sentAtMs };
    await noteAnswered(rental, attempt, result.usdPerHour);
    return null;
  }
  if (result.kind === 'refused') {
    attempt.createSentAtMs = null;
    return classifyCreateRefusal(result);
  }
  return settle(rental, attempt, result.message);
}

/** A time-out, a dead worker and a lost reply are all the same answer: unknown. */
async function sendCreate(rental: Rental, attempt: Attempt): Promise<RentResult> {
  const { choice } = attempt;
  try {
    return await create({
      summary: `rent offer ${choice.offerId}: ${gpuText(choice)}, ${usd(choice.usdPerHour)}/h`,
    }).rentInstance({
      key: rental.key,
      attempt: attempt.attempt,
      label: attempt.label,
      offerId: choice.offerId,
      image: rental.request.image,
      diskGb: choice.diskGb,
      servedName: rental.request.model,
      modelToLoad: choice.modelToLoad,
      vllmArgs: choice.vllmArgs,
      bidUsdPerHour: choice.bidUsdPerHour,
      usdPerHour: choice.usdPerHour,
      guard: guardOf(rental),
      tls: rental.policy.instanceTls === true,
    });
  } catch (error) {
    // Cancelled: teardown finds out by label whether anything was sent, and the session is ending anyway.
    if (isCancellation(error)) {
      attempt.createSentAtMs = Date.now();
      await CancellationScope.nonCancellable(() => callOff(rental, attempt));
      throw error;
    }
    return { kind: 'unknown', message: 'The create was not answered.', sentAtMs: Date.now() };
  }
}

/** Fixed with the session's policy: a setting changed later changes no instance that runs. */
function guardOf({ policy }: Rental): { bootMs: number; silenceMs: number } | null {
  const silenceMs = policy.guardMs ?? 0;
  return silenceMs > 0 ? { bootMs: policy.maxStartupMs, silenceMs } : null;
}

/** Certain from the ledger when the grant was never spent; otherwise the market is asked by label until it settles. */
async function settle(rental: Rental, attempt: Attempt, message: string): Promise<Failure | null> {
  enter(rental, attempt, 'settling');
  if (await callOff(rental, attempt)) return failureOf('create-unknown', 'it was never sent');
  const untilMs = Date.now() + rental.policy.settleMs;
  for (;;) {
    const found = await listing({ summary: `look for ${attempt.label}` }).findByLabel({
      label: attempt.label,
    });
    const [first] = found;
    if (first !== undefined) {
      for (const facts of found) rental.learn(attempt, facts);
      await noteAnswered(rental, attempt, first.usdPerHour);
      return null;
    }
    if (Date.now() >= untilMs) return failureOf('create-unknown', message);
    await sleep(Math.max(1, Math.min(5_000, untilMs - Date.now())), { summary: 'let the create settle' });
  }
}

/** True when it is certain that no create went out, nor ever will. */
async function callOff(rental: Rental, attempt: Attempt): Promise<boolean> {
  const ref = { key: rental.key, attempt: attempt.attempt };
  const { kind } = await quick({
    summary: `was the create of attempt ${attempt.attempt} sent?`,
  }).callOffAttempt(ref);
  if (kind === 'never-sent') attempt.createSentAtMs = null;
  return kind === 'never-sent';
}

async function noteAnswered(rental: Rental, attempt: Attempt, usdPerHour: number | null): Promise<void> {
  await quick({ summary: `book attempt ${attempt.attempt} at its contract's price` }).noteAnswered({
    key: rental.key,
    attempt: attempt.attempt,
    usdPerHour,
  });
}

async function boot(rental: Rental, attempt: Attempt): Promise<Failure | null> {
  const [instanceId] = attempt.instanceIds;
  if (instanceId === undefined) return failureOf('create-unknown');
  enter(rental, attempt, 'booting');
  const { policy, request } = rental;
  // Of what was rented: an offer that somebody else was granted first costs nothing, and may have cost half.
  rental.state.forecastUsd ??= forecastOf(attempt.choice, { ...request, policy }).totalUsd;
  const deadlineMs = Math.min(Date.now() + attempt.choice.bootDeadlineMs, startupUntilMs(rental, attempt));
  const result = await unlessUnwatched(
    watchToEnd({
      summary: `boot instance ${instanceId}`,
      policy,
      forMs: deadlineMs - Date.now(),
    }).awaitRunning({
      label: attempt.label,
      instanceId,
      deadlineMs,
      lookMs: policy.bootLookMs,
      portGraceMs: policy.portGraceMs,
      heartbeatMs: policy.heartbeatMs,
      settleMs: policy.settleMs,
      tls: policy.instanceTls === true,
    }),
  );
  if (result === null) return unseen('no worker saw it start');
  rental.learn(attempt, result.facts);
  if (result.kind === 'failed') return result.failure;
  attempt.endpoint = result.endpoint;
  return otherThanOffered(attempt, result.facts);
}

/** Rented on demand and given to a bidder, or another GPU: not what was chosen, whatever it costs. */
function otherThanOffered({ choice }: Attempt, facts: InstanceFacts | null): Failure | null {
  if (facts === null) return null;
  const isOtherGpu = facts.gpuName !== null && facts.gpuName !== choice.gpuName;
  const isBidUnasked = facts.isBid && choice.bidUsdPerHour === null;
  if ((!isOtherGpu && !isBidUnasked) || !patched('contract-is-the-offer')) return null;
  return isOtherGpu
    ? contractMismatch({ field: 'GPU', offered: choice.gpuName, got: facts.gpuName ?? 'none' })
    : contractMismatch({ field: 'terms', offered: 'on demand', got: 'interruptible' });
}

/** Checkpoint 2 again, with the contract's own price; and it must be what was offered. */
async function checkContract(rental: Rental, attempt: Attempt): Promise<Failure | null> {
  const { meter, choice } = attempt;
  const usdPerHour = meter.gpuUsdPerHour + meter.storageUsdPerHour;
  if (usdPerHour > choice.usdPerHour * 1.02 + 0.002) {
    return contractMismatch({
      field: 'price',
      offered: `${usd(choice.usdPerHour)}/h`,
      got: `${usd(usdPerHour)}/h`,
    });
  }
  const nowMs = Date.now();
  const { keepAliveMs, budgetUsd } = rental.request;
  const trafficUsd = Math.max(choice.trafficUsd, costAt(meter, nowMs).bandwidth);
  const besides = rental.commitments(nowMs, { except: attempt });
  const { affordable, neededUsd } = affords(besides, { usdPerHour, trafficUsd, keepAliveMs });
  const isCarried =
    affordable === wasCarried(rental, usdPerHour) || patched('checkpoint-2-by-lane')
      ? affordable
      : !affordable;
  return isCarried
    ? null
    : failureOf('price-moved', `${usd(neededUsd)} needed of a budget of ${usd(budgetUsd)}`);
}

/** As sessions of before reckoned: without the download, and with what was given back as if it stayed. */
function wasCarried(rental: Rental, usdPerHour: number): boolean {
  const spending = rental.spending(Date.now());
  const others = { ...spending, burnUsdPerHour: Math.max(0, spending.burnUsdPerHour - usdPerHour) };
  const { keepAliveMs } = rental.request;
  return affords(others, { usdPerHour, trafficUsd: 0, keepAliveMs }).affordable;
}

async function startModel(rental: Rental, attempt: Attempt): Promise<Failure | null> {
  const [instanceId] = attempt.instanceIds;
  if (instanceId === undefined || attempt.endpoint === null) return failureOf('port-missing');
  enter(rental, attempt, 'starting-vllm');
  const { policy, request } = rental;
  const deadlineMs = Math.min(Date.now() + attempt.choice.vllmDeadlineMs, startupUntilMs(rental, attempt));
  const result = await unlessUnwatched(
    watchToEnd({
      summary: `start ${request.model} on ${instanceId}`,
      policy,
      forMs: deadlineMs - Date.now(),
    }).awaitModel({
      label: attempt.label,
      instanceId,
      endpoint: attempt.endpoint,
      model: request.model,
      isPooling: attempt.choice.isPooling,
      isGuarded: guardOf(rental) !== null,
      deadlineMs,
      lookMs: policy.bootLookMs,
      heartbeatMs: policy.heartbeatMs,
    }),
  );
  if (result === null) return unseen('no worker saw the model start');
  rental.learn(attempt, result.facts);
  return result.kind === 'failed' ? result.failure : null;
}

/** Null when nobody saw it to its end (no worker, a bug): the attempt's time is over all the same. */
async function unlessUnwatched<Result>(watching: Promise<Result>): Promise<Result | null> {
  try {
    return await watching;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return null;
  }
}

/** Its time is over, and that may have been ours. */
function unseen(why: string): Failure {
  return { ...failureOf('startup-timeout', why), isUnseen: true };
}

function startupUntilMs(rental: Rental, attempt: Attempt): number {
  return (attempt.createSentAtMs ?? attempt.startedAtMs) + rental.policy.maxStartupMs;
}

function becomeReady(rental: Rental, attempt: Attempt): void {
  const { state, request } = rental;
  const nowMs = Date.now();
  attempt.phase = 'ready';
  attempt.readyAtMs = nowMs;
  state.servingAttempt = attempt.attempt;
  if (state.readyAtMs === null) countReady((nowMs - state.startedAtMs) / 1_000);
  state.readyAtMs ??= nowMs;
  state.lastUsedAtMs = nowMs;
  state.health = { consecutiveFailures: 0, lastOkAtMs: nowMs };
  state.note = '';
  if (state.grantedBeforeReadyMs > 0)
    state.keptUntilMs = nowMs + request.keepAliveMs + state.grantedBeforeReadyMs;
  state.grantedBeforeReadyMs = 0;
  rental.publish();
  tellReady(rental, attempt);
}

function enter(rental: Rental, attempt: Attempt, phase: Attempt['phase']): void {
  attempt.phase = phase;
  rental.publish();
}

/** Nothing more can be tried: the session ends, and says whose fault it was. */
function endLaunch(rental: Rental, failure: Failure): void {
  const tried = rental.state.attempts.filter(({ createSentAtMs }) => createSentAtMs !== null).length;
  const reason = `${failure.message}${tried > 1 ? ` ${tried} attempts were made.` : ''}`;
  if (failure.kind === 'budget-too-small') rental.begin({ outcome: 'over-budget', reason });
  else rental.begin({ outcome: rental.state.readyAtMs === null ? 'launch-failed' : 'lost', reason });
}
