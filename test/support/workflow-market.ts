import { ApplicationFailure } from '@temporalio/common';
import type { AccountAnswer } from '../../src/activities/read-account.ts';
import type { RentResult } from '../../src/activities/rent-instance.ts';
import type { Choice, InstanceFacts } from '../../src/domain/attempt.ts';
import type { FailureKind } from '../../src/domain/failure.ts';
import { configure, emptyLedger, type LedgerState, rebuild } from '../../src/domain/ledger.ts';
import type { SessionFacts } from '../../src/domain/reaping.ts';

/** What a market does with one offer, told as times after its create. */
export type Fate = {
  /**
   * `reply-lost`: made, and nobody hears of it. `never-arrives`: sent, and lost on its way. `not-sent`: whoever
   * should send it dies before. A string with `refused:` is a refusal with that code.
   */
  readonly create: 'created' | 'reply-lost' | 'never-arrives' | 'not-sent' | `refused:${string}`;
  /** How long lists lag behind a create. */
  readonly listedAfterMs: number;
  /** Null: never. */
  readonly runningAfterMs: number | null;
  /** After it runs; null: never. */
  readonly servedAfterMs: number | null;
  /** What breaks the boot, or the model's start, at that moment instead. */
  readonly bootFailure: FailureKind | null;
  readonly modelFailure: FailureKind | null;
  /** Null: what was offered. */
  readonly contractUsdPerHour: number | null;
  /** How long it stays on the books after a DELETE that was accepted. */
  readonly lingersMs: number;
  /** A DELETE is refused until so long after the first one came. */
  readonly refusesDeletesMs: number;
};

const A_GOOD_HOST: Fate = {
  create: 'created',
  listedAfterMs: 0,
  runningAfterMs: 60_000,
  servedAfterMs: 120_000,
  bootFailure: null,
  modelFailure: null,
  contractUsdPerHour: null,
  lingersMs: 0,
  refusesDeletesMs: 0,
};

export type Contract = {
  readonly instanceId: number;
  readonly label: string;
  readonly choice: Choice;
  readonly fate: Fate;
  readonly createdAtMs: number;
  usdPerHour: number;
  deletesAtMs: number[];
  deleteAcceptedAtMs: number | null;
  /** Gone from the books; null while it bills. */
  goneAtMs: number | null;
};

/** One call of a stand-in activity, in the order they came. */
export type Call = { readonly name: string; readonly atMs: number; readonly order: unknown };

/** What happens to an instance, told as a time after its create. `lost`: gone by itself; `stopped`: down, and still billed. */
export type Event = {
  readonly offerId: number;
  readonly afterMs: number;
  readonly kind: 'lost' | 'stopped' | 'unhealthy' | { readonly usdPerHour: number };
};

/**
 * The market, the model and the ledger as the workflows meet them: what stand-in activities read and write.
 * Its books, not the session's words, say whether anything is left. Times are those of the skipping clock.
 */
export class StandInMarket {
  readonly contracts: Contract[] = [];
  readonly calls: Call[] = [];
  offers: readonly Choice[] = [aChoice()];
  account: AccountAnswer = { kind: 'ok', creditUsd: 50 };
  ledger: LedgerState;
  /** Moments at which somebody uses the model, epoch ms. */
  uses: number[] = [];
  events: Event[] = [];
  /** False: no worker takes supervision up. */
  isSupervised = true;
  /** What the reaper is told beside the list. */
  openReservations: { session: string; run: string }[] = [];
  sessions: Record<string, SessionFacts> = {};
  /** Thrown by the activity of that name, whenever it is called. */
  readonly bugs = new Map<string, () => Error>();
  /** Awaited by the activity of that name after it has done its work, before it answers. */
  readonly gates = new Map<string, Promise<void>>();
  readonly #fates = new Map<number, Partial<Fate>>();
  #nextInstanceId = 9_001;

  constructor(nowMs: number, limitUsd = 100) {
    const settings = { limitUsd, period: 'none', nowMs };
    this.ledger = rebuild(configure(emptyLedger('a1b2c3d4e5', nowMs), settings), { spentUsd: 0, open: [] });
  }

  fate(offerId: number, fate: Partial<Fate>): void {
    this.#fates.set(offerId, fate);
  }

  fateOf(offerId: number): Fate {
    return { ...A_GOOD_HOST, ...this.#fates.get(offerId) };
  }

  /** Those whose billing goes on. */
  get left(): Contract[] {
    return this.contracts.filter(({ goneAtMs }) => goneAtMs === null);
  }

  callsOf(name: string): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  rent(order: { label: string; offerId: number }, nowMs: number): RentResult {
    const choice = this.offers.find(({ offerId }) => offerId === order.offerId);
    if (choice === undefined) throw new Error(`no such offer: ${order.offerId}`);
    const fate = this.fateOf(order.offerId);
    if (fate.create.startsWith('refused:')) {
      return { kind: 'refused', code: fate.create.slice('refused:'.length), message: '', sentAtMs: nowMs };
    }
    if (fate.create === 'never-arrives') return { kind: 'unknown', message: 'no reply', sentAtMs: nowMs };
    const instanceId = this.#nextInstanceId++;
    const usdPerHour = fate.contractUsdPerHour ?? choice.usdPerHour;
    this.contracts.push({
      instanceId,
      label: order.label,
      choice,
      fate,
      createdAtMs: nowMs,
      usdPerHour,
      deletesAtMs: [],
      deleteAcceptedAtMs: null,
      goneAtMs: null,
    });
    return fate.create === 'reply-lost'
      ? { kind: 'unknown', message: 'no reply', sentAtMs: nowMs }
      : { kind: 'created', instanceId, usdPerHour: null, sentAtMs: nowMs };
  }

  /** What a complete list shows at this moment. */
  list(nowMs: number): Contract[] {
    this.#settle(nowMs);
    return this.left.filter(({ createdAtMs, fate }) => createdAtMs + fate.listedAfterMs <= nowMs);
  }

  find(instanceId: number, nowMs: number): Contract | null {
    this.#settle(nowMs);
    return this.left.find((contract) => contract.instanceId === instanceId) ?? null;
  }

  /** One DELETE: true when it was accepted, false when refused. */
  delete(instanceId: number, nowMs: number): 'accepted' | 'gone' | 'refused' {
    const contract = this.find(instanceId, nowMs);
    if (contract === null) return 'gone';
    contract.deletesAtMs.push(nowMs);
    const [firstMs = nowMs] = contract.deletesAtMs;
    if (nowMs - firstMs < contract.fate.refusesDeletesMs) return 'refused';
    contract.deleteAcceptedAtMs ??= nowMs;
    this.#settle(nowMs);
    return 'accepted';
  }

  /** It goes by itself: a host that dropped out, a guard that ended it. */
  vanish(contract: Contract, nowMs: number): void {
    contract.goneAtMs ??= nowMs;
  }

  /** The first event that did not happen yet, or is due; those that were told are forgotten. */
  nextEvent(contract: Contract, nowMs: number): { atMs: number; kind: Event['kind'] } | null {
    const mine = this.events.filter(({ offerId }) => offerId === contract.choice.offerId);
    const [first] = mine.toSorted((a, b) => a.afterMs - b.afterMs);
    if (first === undefined) return null;
    const atMs = contract.createdAtMs + first.afterMs;
    if (atMs <= nowMs) this.events = this.events.filter((event) => event !== first);
    return { atMs, kind: first.kind };
  }

  facts(contract: Contract, nowMs: number): InstanceFacts {
    const { choice, createdAtMs, fate } = contract;
    const runningAtMs = fate.runningAfterMs === null ? null : createdAtMs + fate.runningAfterMs;
    const isRunning = runningAtMs !== null && runningAtMs <= nowMs;
    return {
      instanceId: contract.instanceId,
      observedAtMs: nowMs,
      actualStatus: isRunning ? 'running' : 'loading',
      usdPerHour: contract.usdPerHour,
      gpuUsdPerHour: contract.usdPerHour - choice.storageUsdPerHour,
      storageUsdPerHour: choice.storageUsdPerHour,
      downloadUsdPerGb: choice.downloadUsdPerGb,
      uploadUsdPerGb: choice.uploadUsdPerGb,
      downloadMb: 0,
      uploadMb: 0,
      createdAtMs,
      runningAtMs: isRunning ? runningAtMs : null,
      gpuName: choice.gpuName,
      isBid: false,
    };
  }

  #settle(nowMs: number): void {
    for (const contract of this.left) {
      const { deleteAcceptedAtMs, fate } = contract;
      if (deleteAcceptedAtMs !== null && nowMs - deleteAcceptedAtMs >= fate.lingersMs)
        contract.goneAtMs = nowMs;
    }
  }
}

/**
 * What an activity throws that has to wait. The server skips a retry's delay, while its clock stands still in
 * an activity that runs; and a retry writes nothing into history, as waiting inside an activity does not.
 */
export function notYet(forMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'not-yet',
    message: 'waiting',
    nextRetryDelay: Math.max(1, Math.ceil(forMs)),
    category: 'BENIGN',
  });
}

/** A sound RTX 4090 for $0.40/h that boots within the attempt's cap. */
export function aChoice(set: Partial<Choice> = {}): Choice {
  return {
    offerId: 7001,
    machineId: 501,
    tier: 'RTX 4090',
    gpuName: 'RTX 4090',
    gpuCount: 1,
    usdPerHour: 0.4,
    bidUsdPerHour: null,
    gpuUsdPerHour: (set.usdPerHour ?? 0.4) - 0.01,
    storageUsdPerHour: 0.01,
    downloadUsdPerGb: 0,
    uploadUsdPerGb: 0,
    trafficUsd: 0,
    score: 0.8,
    modelToLoad: 'Qwen/Qwen2.5-7B-Instruct',
    vllmArgs: [],
    isPooling: false,
    diskGb: 50,
    bootMsExpected: 300_000,
    pullMsExpected: 120_000,
    bootDeadlineMs: 480_000,
    vllmDeadlineMs: 600_000,
    ...set,
  };
}
