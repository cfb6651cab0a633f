import { CancellationScope, condition, log, patched, sleep } from '@temporalio/workflow';
import type { GoneLook } from '../activities/confirm-gone.ts';
import type { ChargesSoFar } from '../activities/read-charges.ts';
import { type Attempt, mayExist } from '../domain/attempt.ts';
import { notesOf } from '../domain/machine-memory.ts';
import { costAt } from '../domain/meter.ts';
import type { Receipt } from '../domain/session.ts';
import { judgeTeardown } from '../domain/teardown.ts';
import { confirm, destroy, keeping, once, quick, watch } from './policies.ts';
import type { Rental } from './rental.ts';
import { tellDestroyed, watchTeardown } from './session-notifications.ts';
import { receiptOf } from './telling.ts';

const LOOK_PAUSE_MS = 2_000;
const LOOK_PAUSE_MS_MAX = 600_000;
/** How long a DELETE may stay unanswered before another instance is rented all the same. */
const DELETE_PATIENCE_MS = 60_000;

/** Everything the session ever asked for, given back and seen gone. */
export async function giveBackAll(rental: Rental): Promise<void> {
  await drain(rental);
  for (const attempt of rental.state.attempts) {
    if (attempt.phase !== 'gone') startGivingBack(rental, attempt);
  }
  await condition(() => rental.givingBack.size === 0);
}

/** Begins an attempt's teardown beside whatever else goes on; once for each attempt, and not to be cancelled. */
export function startGivingBack(rental: Rental, attempt: Attempt): void {
  if (rental.givingBack.has(attempt.attempt) || attempt.phase === 'gone') return;
  attempt.phase = 'destroying';
  rental.publish();
  const teardown = CancellationScope.nonCancellable(async () => {
    await Promise.all([giveBack(rental, attempt), watchTeardown(rental, attempt)]);
    rental.givingBack.delete(attempt.attempt);
  });
  rental.givingBack.set(attempt.attempt, teardown);
}

/** The moment from which another instance may be rented in the attempt's place. */
export async function awaitDelete(attempt: Attempt): Promise<void> {
  await condition(
    () => attempt.destroyAcceptedAtMs !== null || attempt.phase === 'gone',
    DELETE_PATIENCE_MS,
    { summary: `attempt ${attempt.attempt}: wait for its DELETE` },
  );
}

/**
 * Destroys what carries the attempt's label until the provider shows it gone: by every id ever known and by
 * label, since an instance whose launch reply was lost has no id we know. Nothing is given up here.
 */
async function giveBack(rental: Rental, attempt: Attempt): Promise<void> {
  const absences: number[] = [];
  let pauseMs = LOOK_PAUSE_MS;
  const judge = () => judgeTeardown(factsOf(attempt, absences), rental.policy);
  while (mayExist(attempt)) {
    const verdict = judge();
    if (verdict.kind === 'destroy') await sendDeletes(rental, attempt, verdict.instanceIds);
    // The workflow's own clock, before the look begins: workers' clocks differ, and absence is judged by time.
    const lookingAtMs = Date.now();
    const look = await confirm({
      summary: `is ${attempt.instanceIds.join(', ') || attempt.label} gone?`,
    }).confirmGone({
      label: attempt.label,
      instanceIds: attempt.instanceIds,
    });
    noteLook(rental, attempt, look);
    if (look.isAbsent) absences.push(lookingAtMs);
    else absences.length = 0;
    // Absences that do not count yet are no reason to look without a rest: a settling time takes a minute.
    if (judge().kind === 'gone') break;
    pauseMs = look.isAbsent ? LOOK_PAUSE_MS : Math.min(LOOK_PAUSE_MS_MAX, pauseMs * 1.5);
    const restMs = look.isAbsent ? rental.policy.absenceGapMs : pauseMs;
    await sleep(restMs, { summary: look.isAbsent ? 'look once more' : 'still there' });
  }
  finish(attempt);
  await quick({ summary: `settle attempt ${attempt.attempt}` }).endAttempt({
    key: rental.key,
    attempt: attempt.attempt,
    usd: costAt(attempt.meter, Date.now()).total,
  });
  attempt.phase = 'gone';
  rental.publish();
}

async function sendDeletes(rental: Rental, attempt: Attempt, instanceIds: readonly number[]): Promise<void> {
  for (const instanceId of instanceIds) {
    attempt.destroySentAtMs ??= Date.now();
    const answer = await destroy({ summary: `destroy instance ${instanceId}` }).destroyInstance({
      instanceId,
    });
    if (!attempt.deletes.some((sent) => sent.instanceId === instanceId))
      attempt.deletes.push({ instanceId, sentAtMs: Date.now() });
    rental.learn(attempt, answer.lastSeen);
    attempt.destroyAcceptedAtMs ??= answer.answeredAtMs;
  }
}

function noteLook(rental: Rental, attempt: Attempt, look: GoneLook): void {
  for (const facts of look.present) rental.learn(attempt, facts);
  if (!look.isAbsent) {
    attempt.seenAbsent = [];
    attempt.hasLingered = attempt.destroyAcceptedAtMs !== null;
    return;
  }
  attempt.seenAbsent.push({ atMs: look.lookedAtMs, by: 'id' }, { atMs: look.lookedAtMs, by: 'list' });
}

/** Never seen after its DELETE was accepted, it went then; one that lingered billed on until it was seen gone. */
function finish(attempt: Attempt): void {
  attempt.endedAtMs = Date.now();
  if (attempt.createSentAtMs === null) return;
  const acceptedMs = attempt.hasLingered === true ? null : attempt.destroyAcceptedAtMs;
  attempt.meter = { ...attempt.meter, goneAtMs: acceptedMs ?? attempt.seenAbsent[0]?.atMs ?? Date.now() };
}

function factsOf(attempt: Attempt, absences: readonly number[]) {
  return {
    createSentAtMs: attempt.createSentAtMs,
    ids: attempt.instanceIds.map((instanceId) => ({
      instanceId,
      deleteSentAtMs: attempt.deletes.find((sent) => sent.instanceId === instanceId)?.sentAtMs ?? null,
    })),
    wasSeen: attempt.wasSeen,
    absences,
  };
}

/** Requests in flight finish first, within a bound; over budget nothing waits. */
async function drain(rental: Rental): Promise<void> {
  const { serving, policy, state } = rental;
  const endpoint = serving?.endpoint ?? null;
  if (endpoint === null || policy.drainMs <= 0) return;
  if (
    state.ending?.outcome === 'over-budget' ||
    state.ending?.outcome === 'lost' ||
    state.ending?.outcome === 'unhealthy'
  )
    return;
  const deadlineMs = Date.now() + policy.drainMs;
  const drained = watch({
    summary: 'let requests in flight finish',
    policy,
    forMs: policy.drainMs,
  }).awaitDrained({
    label: serving?.label,
    endpoint,
    deadlineMs,
    heartbeatMs: policy.heartbeatMs,
  });
  // Whoever drains may die with its worker; teardown does not wait for that.
  const watched = drained.then(
    () => true,
    () => true,
  );
  await CancellationScope.nonCancellable(() =>
    Promise.race([watched, condition(() => false, policy.drainMs)]),
  );
}

/** The session's last act with money: its cost to the ledger, and the receipt. */
export async function settleMoney(rental: Rental): Promise<Receipt> {
  const charged = await readCharges(rental);
  const receipt = receiptOf(rental, Date.now(), charged);
  await quick({ summary: 'close the reservation' }).closeReservation({
    key: rental.key,
    usd: receipt.usd.total,
  });
  // Sessions that were open before there was an archive replay without it; the audit keeps their receipts.
  if (patched('archive-receipts')) await keepReceipt(rental, receipt);
  tellDestroyed(rental, receipt);
  await condition(() => rental.remembering === 0 && rental.telling === 0);
  rental.isOver = true;
  rental.publish();
  return receipt;
}

/** An archive that cannot be written holds no session open. */
async function keepReceipt(rental: Rental, receipt: Receipt): Promise<void> {
  try {
    await keeping({ summary: 'keep the receipt' }).archiveReceipt({
      receipt,
      machines: notesOf(rental.state.attempts),
    });
  } catch {
    log.warn('the receipt could not be archived; the next audit tries again', { session: receipt.session });
  }
}

/** What the provider shows so far: worth one look. */
async function readCharges(rental: Rental): Promise<Pick<ChargesSoFar, 'usd' | 'contracts'>> {
  const rented = rental.state.attempts.filter(({ createSentAtMs }) => createSentAtMs !== null);
  if (rented.length === 0) return { usd: null };
  try {
    return await once({ summary: 'read the provider’s charges' }).readCharges({
      labels: rented.map(({ label }) => label),
      instanceIds: rented.flatMap(({ instanceIds }) => instanceIds),
      fromMs: rental.state.startedAtMs,
    });
  } catch {
    return { usd: null };
  }
}
