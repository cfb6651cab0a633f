import type { CancellationScope } from '@temporalio/workflow';
import type { MadeBefore } from '../activities/past-books.ts';
import {
  type Attempt,
  attemptBurn,
  attemptSpent,
  type Choice,
  type InstanceFacts,
  meterWith,
  openAttempt,
} from '../domain/attempt.ts';
import { budgetLastsMs, budgetMoment, type Spending, usd } from '../domain/budget.ts';
import { commitmentsOf } from '../domain/commitments.ts';
import { type Failure, toAttemptFailure } from '../domain/failure.ts';
import { type ExtensionAnswer, judgeExtension, keepAliveUntil } from '../domain/keep-alive.ts';
import { formatLabel, parseLabel } from '../domain/label.ts';
import { reservationKey } from '../domain/ledger.ts';
import { addUsd } from '../domain/meter.ts';
import type { NotificationKind } from '../domain/notification.ts';
import { LABEL_QUEUE_MS } from '../domain/policy.ts';
import type { Outcome, SessionState, SessionView } from '../domain/session.ts';
import type { LaunchRefusal, SessionInput } from './messages.ts';
import { lastFailureOf, publish, viewOf } from './telling.ts';

export type Ending = { readonly outcome: Outcome; readonly reason: string };

/** All that a session knows, as plain JSON: it is carried over continue-as-new as it is. */
export type RentalState = {
  accepted: boolean | null;
  refusal: LaunchRefusal | null;
  ending: Ending | null;
  startedAtMs: number;
  /** No READY by then ends the launch. */
  launchUntilMs: number;
  lifetimeUntilMs: number;
  readyAtMs: number | null;
  lastUsedAtMs: number | null;
  /** What `extend` granted, absolute; before READY: how much is granted at READY. */
  keptUntilMs: number;
  grantedBeforeReadyMs: number;
  sliceEndsAtMs: number;
  attempts: Attempt[];
  servingAttempt: number | null;
  health: { consecutiveFailures: number; lastOkAtMs: number | null };
  blockedMachines: number[];
  forecastUsd: number | null;
  note: string;
  /** Kinds of notifications of which there is one a session, once they were told; absent before there were any. */
  told?: NotificationKind[];
  /** Ids of updates that were carried out, newest last: Temporal forgets them at continue-as-new. */
  seenUpdates: string[];
};

const SEEN_UPDATES_KEPT = 200;

/**
 * One session's state and what can be read from it. Changes come from the story in `gpu-session.ts` and the
 * files it names; this class holds no waiting and calls nobody.
 */
export class Rental {
  readonly input: SessionInput;
  readonly state: RentalState;
  /** Cancelled when the session begins to end. */
  readonly running: CancellationScope;
  /** Teardowns under way, by attempt; all are done before the run ends or continues as new. */
  readonly givingBack = new Map<number, Promise<void>>();
  /** Notes of machines that are being written; none is under way when the run ends or continues as new. */
  remembering = 0;
  /** Notifications whose delivery is being started; as above. */
  telling = 0;
  /** Everything is given back and settled: the run returns its receipt next. */
  isOver = false;
  #published = '';

  constructor(input: SessionInput, running: CancellationScope) {
    this.input = input;
    this.running = running;
    this.state = (input.carried as RentalState | undefined) ?? freshState(input, Date.now());
  }

  get request() {
    return this.input.request;
  }

  get policy() {
    return this.input.policy;
  }

  /** Key of the reservation in the ledger. */
  get key(): string {
    return reservationKey(this.input);
  }

  get isEnding(): boolean {
    return this.state.ending !== null;
  }

  get serving(): Attempt | null {
    return this.state.attempts.find(({ attempt }) => attempt === this.state.servingAttempt) ?? null;
  }

  /** Ends the session; the first reason stays. Never throws: message handlers call it. */
  begin(ending: Ending): void {
    if (this.state.ending !== null) return;
    this.state.ending = ending;
    this.running.cancel();
  }

  /** State follows from the attempts: the furthest of them is what people call the session's state. */
  get sessionState(): SessionState {
    if (this.isOver) return 'IDLE';
    if (this.isEnding) return 'DESTROYING';
    const phases = this.state.attempts.map(({ phase }) => phase);
    if (this.serving !== null) return 'READY';
    if (phases.includes('starting-vllm')) return 'STARTING_VLLM';
    if (phases.includes('booting')) return 'BOOTING';
    if (phases.some((phase) => phase === 'creating' || phase === 'settling' || phase === 'granting'))
      return 'LAUNCHING';
    return phases.at(-1) === 'destroying' ? 'DESTROYING' : 'SEARCHING';
  }

  /** Spending of the session as a whole, at `nowMs`. */
  spending(nowMs: number): Spending {
    const spent = addUsd(this.state.attempts.map((attempt) => attemptSpent(attempt, nowMs)));
    const burn = this.state.attempts.reduce((sum, attempt) => sum + attemptBurn(attempt), 0);
    return {
      budgetUsd: this.request.budgetUsd,
      spentUsd: spent.total,
      burnUsdPerHour: burn,
      marginMs: this.policy.teardownMarginMs,
    };
  }

  /** Checkpoint 2: what is spent and bound already, besides the offer or contract in question. */
  commitments(nowMs: number, of: { promised?: readonly Choice[]; except?: Attempt } = {}): Spending {
    const { attempts } = this.state;
    const { teardownMarginMs: marginMs } = this.policy;
    return commitmentsOf({ ...of, attempts, nowMs, marginMs, budgetUsd: this.request.budgetUsd });
  }

  /** When idleness ends the session; null before READY. */
  get keepAliveUntilMs(): number | null {
    const { lastUsedAtMs, keptUntilMs } = this.state;
    if (this.serving === null || lastUsedAtMs === null) return null;
    return keepAliveUntil({ lastUsedAtMs, keepAliveMs: this.request.keepAliveMs, keptUntilMs });
  }

  /** The moment after which nobody may keep this session's instances; the reaper and the lease go by it. */
  endsByMs(nowMs: number): number {
    const moment = budgetMoment(this.spending(nowMs), nowMs) ?? Number.POSITIVE_INFINITY;
    return Math.min(this.state.lifetimeUntilMs, moment, this.labelExpiresAtMs ?? moment);
  }

  /** The next moment at which the clock ends the session, and how. */
  nextDeadline(nowMs: number): { atMs: number; ending: Ending; why: string } {
    const { lifetimeUntilMs, launchUntilMs, readyAtMs } = this.state;
    const wasReady = readyAtMs !== null;
    const deadlines: { atMs: number; ending: Ending; why: string }[] = [
      {
        atMs: lifetimeUntilMs,
        ending: wasReady
          ? { outcome: 'completed', reason: 'lifetime' }
          : { outcome: 'launch-failed', reason: 'Its lifetime ended before it was READY.' },
        why: 'lifetime',
      },
      {
        atMs: budgetMoment(this.spending(nowMs), nowMs) ?? Number.POSITIVE_INFINITY,
        ending: {
          outcome: 'over-budget',
          reason: `Its budget of ${usd(this.request.budgetUsd)} was reached.`,
        },
        why: 'budget',
      },
    ];
    const idleMs = this.keepAliveUntilMs;
    const expiresAtMs = this.labelExpiresAtMs;
    if (expiresAtMs !== null && expiresAtMs < lifetimeUntilMs) {
      const ending: Ending = { outcome: 'completed', reason: 'lifetime' };
      deadlines.push({ atMs: expiresAtMs, ending, why: 'label expiry' });
    }
    if (idleMs !== null) {
      // Supervision sees use and says `idle` first; this is for when nobody supervises.
      const atMs = Math.max(idleMs, this.state.sliceEndsAtMs) + 2 * this.policy.heartbeatTimeoutMs;
      deadlines.push({ atMs, ending: { outcome: 'completed', reason: 'idle' }, why: 'keep-alive' });
    } else {
      const reason = `Not READY within ${Math.round(this.policy.launchMs / 60_000)} minutes.${lastFailureOf(this)}`;
      deadlines.push({
        atMs: launchUntilMs,
        ending: { outcome: wasReady ? 'lost' : 'launch-failed', reason },
        why: 'launch',
      });
    }
    return deadlines.reduce((first, next) => (next.atMs < first.atMs ? next : first));
  }

  /** Writes the intent to rent: the label is in state, and in the memo's claims, before anything is sent. */
  openAttempt(choice: Choice): Attempt {
    const nowMs = Date.now();
    const attempt = this.state.attempts.length + 1;
    const spending = this.spending(nowMs);
    const leftUsd = Math.max(0, spending.budgetUsd - spending.spentUsd);
    const untilMs =
      nowMs +
      LABEL_QUEUE_MS +
      this.policy.maxStartupMs +
      budgetLastsMs(leftUsd, choice.usdPerHour) +
      this.policy.teardownMarginMs;
    const expiresAtSec = Math.ceil(Math.min(this.state.lifetimeUntilMs, untilMs) / 1_000);
    const { owner, session, run } = this.input;
    const opened = openAttempt({
      attempt,
      label: formatLabel({ owner, session, run, attempt, expiresAtSec }),
      choice,
      nowMs,
    });
    this.state.attempts.push(opened);
    this.publish();
    return opened;
  }

  /** What a look at the instance told: the provider's own figures. */
  learn(attempt: Attempt, facts: InstanceFacts | null): void {
    if (facts === null) return;
    attempt.wasSeen = true;
    if (!attempt.instanceIds.includes(facts.instanceId)) attempt.instanceIds.push(facts.instanceId);
    attempt.meter = meterWith(attempt.meter, facts);
  }

  /** It was made in a life of the session that Temporal has forgotten: what is left is ours to give back, what it cost is spent. */
  recall(attempt: Attempt, made: MadeBefore): void {
    const nowMs = Date.now();
    attempt.label = made.label;
    attempt.createSentAtMs = nowMs;
    attempt.wasSeen = true;
    for (const facts of made.alive) this.learn(attempt, facts);
    if (made.alive.length > 0 || made.charged === null) return;
    const { instanceIds, fromMs, usd } = made.charged;
    attempt.instanceIds.push(...instanceIds);
    // Its traffic is told with its storage: the meter counts traffic by the byte, and the bytes are not known.
    const earlier = { gpuUsd: usd.gpu, storageUsd: usd.total - usd.gpu, untilMs: nowMs };
    attempt.meter = { ...attempt.meter, createdAtMs: fromMs, earlier };
  }

  fail(attempt: Attempt, failure: Failure): void {
    attempt.failure = toAttemptFailure(failure);
    const isHosts = failure.whose === 'host' && failure.blockMachineMs > 0;
    if (isHosts && failure.isUnseen !== true) attempt.hostFailedAtMs = Date.now();
    if (failure.blockMachineMs > 0) this.state.blockedMachines.push(attempt.choice.machineId);
    this.state.note = failure.message;
  }

  /** Labels that an instance may carry and be kept: everything tried that is not known to be gone. */
  get claims(): string[] {
    return this.state.attempts.filter(({ phase }) => phase !== 'gone').map(({ label }) => label);
  }

  extension(additionalMs: number): ExtensionAnswer {
    const nowMs = Date.now();
    return judgeExtension(
      {
        nowMs,
        keepAliveUntilMs:
          this.keepAliveUntilMs ?? nowMs + this.request.keepAliveMs + this.state.grantedBeforeReadyMs,
        lifetimeUntilMs: this.state.lifetimeUntilMs,
        labelExpiresAtMs: this.labelExpiresAtMs,
        isEnding: this.isEnding,
        spending: this.spending(nowMs),
      },
      additionalMs,
    );
  }

  /** Carries an extension out; true when this very update was carried out before. */
  noteUpdate(id: string): boolean {
    if (this.state.seenUpdates.includes(id)) return true;
    this.state.seenUpdates = [...this.state.seenUpdates, id].slice(-SEEN_UPDATES_KEPT);
    return false;
  }

  /** Memo, search attributes and the Web UI's text, written when what they say has changed. */
  publish(): void {
    this.#published = publish(this, this.#published);
  }

  view(nowMs: number): SessionView {
    return viewOf(this, nowMs);
  }

  /** After a price fall the budget lasts longer than its label was made for; the reaper goes by the label. */
  get labelExpiresAtMs(): number | null {
    const expiresAtSec = this.serving === null ? undefined : parseLabel(this.serving.label)?.expiresAtSec;
    return expiresAtSec === undefined ? null : expiresAtSec * 1_000;
  }
}

function freshState(input: SessionInput, nowMs: number): RentalState {
  return {
    accepted: null,
    refusal: null,
    ending: null,
    startedAtMs: nowMs,
    launchUntilMs: nowMs + input.policy.launchMs,
    lifetimeUntilMs: nowMs + input.request.lifetimeMs,
    readyAtMs: null,
    lastUsedAtMs: null,
    keptUntilMs: 0,
    grantedBeforeReadyMs: 0,
    sliceEndsAtMs: 0,
    attempts: [],
    servingAttempt: null,
    health: { consecutiveFailures: 0, lastOkAtMs: null },
    blockedMachines: [],
    forecastUsd: null,
    note: '',
    seenUpdates: [],
  };
}
