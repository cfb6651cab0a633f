import { Context } from '@temporalio/activity';
import type { InstanceFacts } from '../domain/attempt.ts';
import { classifyInstanceState, type Failure, failureOf } from '../domain/failure.ts';
import type { Instance } from '../domain/instance.ts';
import { parseLabel } from '../domain/label.ts';
import { trafficUsd } from '../domain/meter.ts';
import { TEMPORAL_SILENCE_MS } from '../domain/policy.ts';
import type { SupervisionBeat } from '../domain/session.ts';
import { type MoneyAtStart, spentUsdAt } from '../domain/session-sample.ts';
import { askModels, type ProbeOptions, readUsage } from '../vllm/probe.ts';
import { type Usage, wasUsedSince } from '../vllm/usage.ts';
import type { Deps } from './deps.ts';
import type { Snapshot } from './instance-board.ts';
import { factsOf } from './instance-facts.ts';
import { pinFor } from './pinning.ts';
import { rest, unlessUnreachable, whileBeating } from './watching.ts';

export type SuperviseOrder = {
  readonly label: string;
  readonly instanceId: number;
  readonly endpoint: string;
  readonly model: string;
  readonly sliceEndsAtMs: number;
  readonly lookMs: number;
  readonly meterMs: number;
  readonly heartbeatMs: number;
  readonly lostGapMs: number;
  readonly keepAliveMs: number;
  readonly lastUsedAtMs: number;
  /** What `extend` granted; the session is not idle before it. */
  readonly keptUntilMs: number;
  /** After this nobody may renew the instance's lease. */
  readonly endsByMs: number;
  /** Nor once Temporal has been silent to this process for so long. What follows is absent in orders older than it. */
  readonly temporalSilenceMs?: number;
  /** After so long without renewal the instance ends itself; 0: it has no guard. */
  readonly guardMs?: number;
  /** When it was last seen well, which renewed its lease; null: never. */
  readonly lastOkAtMs?: number | null;
  /** False keeps a sick instance: its failures are shown, not acted on. */
  readonly breaksOnFailures: boolean;
  /** When the budget is reached at the burn and traffic known so far; traffic since `seen` brings it nearer. */
  readonly budgetMomentMs: number;
  readonly burnUsdPerHour: number;
  /** It comes back when use keeps the session beyond this moment, at which its budget ends it; null: never, as in older orders. */
  readonly breachNewsMs?: number | null;
  readonly seen: Pick<InstanceFacts, 'usdPerHour' | 'downloadMb' | 'uploadMb'>;
  /** What samples count dollars from; absent in orders older than them, which leave none. */
  readonly money?: MoneyAtStart;
};

/** What an attempt of the activity leaves to the next: what people see of it, and the counters it read last. */
type Beat = SupervisionBeat & {
  /** Absent in those of older workers. */
  readonly usage?: Usage | null;
};

/** Facts; the workflow decides what they mean. */
export type SuperviseResult = {
  readonly kind: 'idle' | 'slice-over' | 'price-changed' | 'breach-ahead' | 'unhealthy' | 'lost';
  readonly lastUsedAtMs: number;
  readonly facts: InstanceFacts | null;
  readonly health: { readonly consecutiveFailures: number; readonly lastOkAtMs: number | null };
  readonly failure: Failure | null;
};

const FAILURES_TO_BREAK = 3;
/** It destroys, and where it may not, it stops. */
const GUARD_CAN_CAUSE: readonly Failure['kind'][] = ['vanished', 'stopped-by-provider', 'exited'];
const PROBE_TIMEOUT_MS = 10_000;

/**
 * Watches one READY instance until something changes, or the slice is over.
 *
 * 1. The authenticated `/v1/models` of each look is the lease the instance lives by: it is asked only while
 *    Temporal answers us and the session may still go on. Nothing else of ours asks that route.
 * 2. Failures of the instance are counted apart from failures of our looking, and only those of this attempt
 *    of the activity count: what an earlier worker saw is a hint, not a proof.
 * 3. Use counts from the last worker's heartbeat on, whenever that was: what moved the counters since is use, also
 *    where Temporal was put back to an earlier moment and the heartbeat with it.
 */
export async function superviseInstance(deps: Deps, order: SuperviseOrder): Promise<SuperviseResult> {
  const watch = new Watch(deps, order);
  return whileBeating({ heartbeatMs: order.heartbeatMs, details: () => watch.details() }, () => watch.run());
}

class Watch {
  readonly #deps: Deps;
  readonly #order: SuperviseOrder;
  readonly #key: string;
  readonly #probe: ProbeOptions;
  #lastUsedAtMs: number;
  #usage: Usage | null = null;
  #failures = 0;
  /** Of earlier workers too, as far as is known. */
  #lastOkAtMs: number | null;
  #lastWhy: string | null = null;
  #facts: InstanceFacts | null = null;
  #meteredAtMs = 0;
  /** Of this look alone. */
  #isOk: boolean | null = null;
  #isUsageFresh = false;
  #instance: Instance | null = null;

  constructor(deps: Deps, order: SuperviseOrder) {
    this.#deps = deps;
    this.#order = order;
    this.#key = deps.installation.instanceKey(order.label);
    this.#probe = { timeoutMs: PROBE_TIMEOUT_MS, ...pinFor(deps, order) };
    const beat: Beat | undefined = Context.current().info.heartbeatDetails;
    this.#lastUsedAtMs = Math.max(order.lastUsedAtMs, beat?.lastUsedAtMs ?? 0);
    this.#usage = beat?.usage ?? null;
    this.#lastOkAtMs = latest(order.lastOkAtMs ?? null, beat?.health.lastOkAtMs ?? null);
  }

  details(): Beat {
    const health = this.#health();
    return { lastUsedAtMs: this.#lastUsedAtMs, health, lastWhy: this.#lastWhy, usage: this.#usage };
  }

  async run(): Promise<SuperviseResult> {
    // Restarts of a worker restart every slice at once; a spread first look keeps them from asking in step.
    await rest(Math.random() * Math.min(1_000, this.#order.lookMs / 4));
    for (;;) {
      const ended = await this.#look();
      this.#leaveSample();
      if (ended !== null) return ended;
      await rest(Math.min(this.#order.lookMs, this.#nextMoment() - Date.now()));
    }
  }

  async #look(): Promise<SuperviseResult | null> {
    this.#isOk = null;
    this.#isUsageFresh = false;
    this.#instance = null;
    return (await this.#lookAtInstance()) ?? (await this.#lookAtModel()) ?? this.#lookAtClock();
  }

  /** The contract: is it still there, does it run, what does it cost. */
  async #lookAtInstance(): Promise<SuperviseResult | null> {
    const snapshot = await unlessUnreachable(() => this.#list());
    if (snapshot === null) return null;
    const instance = snapshot.instances.find((row) => row.instanceId === this.#order.instanceId);
    if (instance === undefined)
      return (await this.#isLost()) ? this.#result('lost', this.#whyGone(failureOf('vanished'))) : null;
    this.#instance = instance;
    this.#facts = factsOf(instance, snapshot.askedAtMs);
    const failure = classifyInstanceState(instance, snapshot.askedAtMs);
    if (failure !== null) return this.#confirmStopped();
    return this.#hasPriceMoved() ? this.#result('price-changed') : null;
  }

  /** While its model fails, what the contract says is worth a call of its own. */
  #list(): Promise<Snapshot> {
    const { instanceId, lookMs } = this.#order;
    if (this.#failures > 0) return this.#deps.instances.find({ instanceId }, Date.now());
    return this.#deps.instances.recent(lookMs / 2);
  }

  /** A row lags and flickers: it must say so twice before a READY session is lost by it. */
  async #confirmStopped(): Promise<SuperviseResult | null> {
    await rest(this.#order.lostGapMs);
    const snapshot = await this.#listAgain();
    const instance = snapshot?.instances.find((row) => row.instanceId === this.#order.instanceId);
    if (snapshot === null || instance === undefined) return null;
    this.#facts = factsOf(instance, snapshot.askedAtMs);
    const failure = classifyInstanceState(instance, snapshot.askedAtMs);
    return failure === null ? null : this.#result('lost', this.#whyGone(failure));
  }

  /**
   * The market does not tell who destroyed or stopped an instance. Where its guard's time has passed since the
   * last renewal, it was the guard: no machine is to blame.
   */
  #whyGone(failure: Failure): Failure {
    const { guardMs = 0 } = this.#order;
    if (guardMs === 0 || this.#lastOkAtMs === null || !GUARD_CAN_CAUSE.includes(failure.kind)) return failure;
    const silentMs = Date.now() - this.#lastOkAtMs;
    if (silentMs < guardMs) return failure;
    return failureOf('guard-ended', `last renewed ${(silentMs / 60_000).toFixed(1)} minutes ago`);
  }

  /** Absence from the shared list means nothing until a read by id and a second look later agree. */
  async #isLost(): Promise<boolean> {
    for (const isSecond of [false, true]) {
      if (isSecond) await rest(this.#order.lostGapMs);
      const shown = await unlessUnreachable(() => this.#deps.vast.showInstance(this.#order.instanceId));
      if (shown === null || shown.kind === 'found') return false;
    }
    const snapshot = await this.#listAgain();
    return snapshot !== null && !snapshot.instances.some((row) => row.instanceId === this.#order.instanceId);
  }

  #listAgain(): Promise<Snapshot | null> {
    const { instanceId } = this.#order;
    return unlessUnreachable(() => this.#deps.instances.find({ instanceId }, Date.now()));
  }

  /** The model: does it answer with our key, and who used it. */
  async #lookAtModel(): Promise<SuperviseResult | null> {
    const usage = await readUsage(this.#order.endpoint, this.#probe);
    if (usage.kind === 'usage') {
      // The first reading of all is the baseline: our own probe's token is in it.
      if (this.#usage !== null && wasUsedSince(this.#usage, usage, 0)) this.#lastUsedAtMs = Date.now();
      else if (usage.running > 0 || usage.waiting > 0) this.#lastUsedAtMs = Date.now();
      this.#usage = usage;
      this.#isUsageFresh = true;
    }
    if (!this.#mayRenew()) return null;
    const answer = await askModels(this.#order.endpoint, this.#key, this.#probe);
    if (answer.kind === 'models' && answer.ids.includes(this.#order.model)) {
      this.#failures = 0;
      this.#isOk = true;
      this.#lastOkAtMs = Date.now();
      this.#lastWhy = null;
      this.#deps.noteLook('ok');
      return null;
    }
    const isBlind = answer.kind === 'not-serving' && answer.isOurFault;
    this.#deps.noteLook(isBlind ? 'blind' : 'failed');
    if (isBlind) return null;
    this.#failures += 1;
    this.#isOk = false;
    this.#lastWhy = whyNot(answer, this.#order.model);
    if (this.#failures < FAILURES_TO_BREAK || !this.#order.breaksOnFailures) return null;
    const isUntrusted = answer.kind === 'not-serving' && answer.isUntrusted;
    return this.#result(
      'unhealthy',
      failureOf(isUntrusted ? 'wrong-certificate' : 'unhealthy', this.#lastWhy),
    );
  }

  #leaveSample(): void {
    const { money, label, instanceId, seen } = this.#order;
    const named = parseLabel(label);
    if (money === undefined || named === null) return;
    const atMs = Date.now();
    const usage = this.#isUsageFresh ? this.#usage : null;
    this.#deps.samples.note({
      session: named.session,
      run: named.run,
      instanceId,
      atMs,
      isOk: this.#isOk,
      spentUsd: spentUsdAt(money, this.#facts, atMs),
      usdPerHour: this.#facts?.usdPerHour ?? seen.usdPerHour ?? 0,
      requestsTotal: usage?.requestsFinished ?? null,
      running: usage?.running ?? null,
      waiting: usage?.waiting ?? null,
      promptTokensTotal: usage?.promptTokens ?? null,
      generationTokensTotal: usage?.generationTokens ?? null,
      gpuUtilPercent: this.#instance?.gpuUtilPercent ?? null,
      gpuTempC: this.#instance?.gpuTempC ?? null,
    });
  }

  #lookAtClock(): SuperviseResult | null {
    const nowMs = Date.now();
    if (nowMs >= this.#idleAtMs()) return this.#result('idle');
    const { breachNewsMs = null } = this.#order;
    if (breachNewsMs !== null && this.#idleAtMs() > breachNewsMs) return this.#result('breach-ahead');
    return nowMs >= this.#order.sliceEndsAtMs ? this.#result('slice-over') : null;
  }

  #mayRenew(): boolean {
    const { temporalSilenceMs = TEMPORAL_SILENCE_MS, endsByMs } = this.#order;
    return Date.now() - this.#deps.temporalHeardAtMs() < temporalSilenceMs && Date.now() < endsByMs;
  }

  /** Comes back when the price moved, or when traffic brings the budget's moment before the next reading. */
  #hasPriceMoved(): boolean {
    const { seen, budgetMomentMs, burnUsdPerHour, meterMs } = this.#order;
    const facts = this.#facts;
    if (facts === null || Date.now() - this.#meteredAtMs < meterMs) return false;
    this.#meteredAtMs = Date.now();
    if (
      facts.usdPerHour !== null &&
      seen.usdPerHour !== null &&
      Math.abs(facts.usdPerHour - seen.usdPerHour) > 1e-6
    )
      return true;
    const earlierMs = burnUsdPerHour > 0 ? (this.#newTrafficUsd(facts) / burnUsdPerHour) * 3_600_000 : 0;
    return earlierMs > 1_000 && budgetMomentMs - earlierMs < Date.now() + 2 * meterMs;
  }

  #newTrafficUsd(facts: InstanceFacts): number {
    const { seen } = this.#order;
    return trafficUsd({
      downloadMb: Math.max(0, (facts.downloadMb ?? 0) - (seen.downloadMb ?? 0)),
      uploadMb: Math.max(0, (facts.uploadMb ?? 0) - (seen.uploadMb ?? 0)),
      downloadUsdPerGb: facts.downloadUsdPerGb ?? 0,
      uploadUsdPerGb: facts.uploadUsdPerGb ?? 0,
    });
  }

  #idleAtMs(): number {
    return Math.max(this.#lastUsedAtMs + this.#order.keepAliveMs, this.#order.keptUntilMs);
  }

  /** No rest is longer than to the next thing the clock decides. */
  #nextMoment(): number {
    return Math.min(this.#idleAtMs(), this.#order.sliceEndsAtMs);
  }

  #health(): SuperviseResult['health'] {
    return { consecutiveFailures: this.#failures, lastOkAtMs: this.#lastOkAtMs };
  }

  #result(kind: SuperviseResult['kind'], failure: Failure | null = null): SuperviseResult {
    return { kind, lastUsedAtMs: this.#lastUsedAtMs, facts: this.#facts, health: this.#health(), failure };
  }
}

function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

function whyNot(answer: Awaited<ReturnType<typeof askModels>>, model: string): string {
  switch (answer.kind) {
    case 'models':
      return `it serves ${answer.ids.join(', ') || 'no model'}, not ${model}`;
    case 'unauthorized':
      return 'the port answers, but refuses our key';
    case 'not-serving':
      return answer.why;
  }
}
