import type { Tier } from './tier.ts';

/** The life of a session, in order. A failed attempt goes DESTROYING → SEARCHING until one is READY. */
export const SESSION_STATES = [
  'IDLE',
  'SEARCHING',
  'LAUNCHING',
  'BOOTING',
  'STARTING_VLLM',
  'READY',
  'DESTROYING',
] as const;
export type SessionState = (typeof SESSION_STATES)[number];

export const OUTCOMES = [
  'completed',
  'over-budget',
  'unhealthy',
  'launch-failed',
  'lost',
  'cancelled',
  'terminated',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Why a `completed` session ended. */
export type CompletedReason = 'requested' | 'idle' | 'lifetime' | 'shutdown';

/** What a caller asked for, every default filled in. Plain JSON: it is carried in the workflow's input and memo. */
export type SessionRequest = {
  readonly model: string;
  readonly keepAliveMs: number;
  /** Use the session as soon as it is READY, in the gateway's order of providers. */
  readonly autoSwitch: boolean;
  readonly budgetUsd: number;
  readonly lifetimeMs: number;
  /** How many hosts to rent at once, keeping the first that is READY. */
  readonly hedge: number;
  /** Rent again, within the budget, when a READY instance is lost or unhealthy. */
  readonly replace: boolean;
  readonly tiers: readonly Tier[];
  readonly gpuCount: number;
  /** Per GPU; null: computed from the model. */
  readonly gpuRamMibMin: number | null;
  /** Null: computed from image and weights. */
  readonly diskGb: number | null;
  readonly image: string;
  readonly vllmArgs: readonly string[];
  readonly interruptible: boolean;
  readonly bidUsdPerHourMax: number | null;
  readonly usdPerHourMax: number | null;
  readonly countries: readonly string[];
  readonly notCountries: readonly string[];
  readonly datacenterOnly: boolean;
  readonly verifiedOnly: boolean;
  readonly reliabilityMin: number;
  readonly machines: readonly number[];
  readonly notMachines: readonly number[];
};

export type AttemptPhase =
  | 'granting'
  | 'creating'
  | 'settling'
  | 'booting'
  | 'starting-vllm'
  | 'ready'
  | 'destroying'
  | 'gone';

/** Whose fault a failure is, which decides what happens next. */
export type Whose = 'caller' | 'host' | 'market' | 'account' | 'nobody';

export type AttemptFailure = { readonly kind: string; readonly whose: Whose; readonly message: string };

/** One try at renting and booting one offer, as people see it. */
export type AttemptView = {
  readonly attempt: number;
  readonly label: string;
  readonly tier: string;
  readonly offerId: number;
  readonly machineId: number;
  readonly gpu: string;
  readonly usdPerHour: number;
  readonly phase: AttemptPhase;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  readonly failure: AttemptFailure | null;
  readonly instanceId: number | null;
  /** Dollars so far, by our meter. */
  readonly usd: number;
  /** When it was there, ran and was READY; null until it is so. These and what follows are absent in older records. */
  readonly createdAtMs?: number | null;
  readonly runningAtMs?: number | null;
  readonly readyAtMs?: number | null;
  /** From its start until it runs and until it is READY, as computed from bytes and bandwidth. */
  readonly runningMsExpected?: number;
  readonly readyMsExpected?: number;
};

export type Usd = {
  readonly gpu: number;
  readonly storage: number;
  readonly bandwidth: number;
  readonly total: number;
};

export type ReceiptInstance = {
  readonly instanceId: number | null;
  readonly label: string;
  readonly createdAtMs: number | null;
  readonly runningAtMs: number | null;
  readonly destroySentAtMs: number | null;
  readonly goneAtMs: number | null;
  readonly seenAbsent: readonly { readonly atMs: number; readonly by: 'id' | 'list' }[];
  readonly usd: Usd;
};

export type Receipt = {
  readonly session: string;
  readonly run: string;
  readonly outcome: Outcome;
  /** For `completed` one of its reasons, otherwise a sentence. */
  readonly reason: string;
  readonly startedAtMs: number;
  readonly readyAtMs: number | null;
  readonly endedAtMs: number;
  /** False until the provider's charges cover the contract's life. */
  readonly final: boolean;
  readonly usd: Usd;
  readonly forecastUsd: number | null;
  readonly providerUsd: number | null;
  readonly attempts: readonly AttemptView[];
  readonly instances: readonly ReceiptInstance[];
};

/** What supervision's heartbeat carries: the newest use and health, so that a busy day costs no history. */
export type SupervisionBeat = {
  readonly lastUsedAtMs: number;
  readonly health: { readonly consecutiveFailures: number; readonly lastOkAtMs: number | null };
  readonly lastWhy: string | null;
};

/** The three numbers every refusal over money carries. */
export type BudgetNumbers = {
  readonly limitUsd: number;
  readonly spentUsd: number;
  readonly reservedUsd: number;
};

/** What a session says of itself; `now` is the moment it was asked. */
export type SessionView = {
  readonly session: string;
  readonly run: string | null;
  readonly state: SessionState;
  /** One sentence for people. */
  readonly detail: string;
  /** Base URL of the instance itself, `http(s)://host:port/v1`, once READY. */
  readonly endpoint: string | null;
  readonly label: string | null;
  readonly model: string | null;
  readonly gpu: string | null;
  readonly instanceId: number | null;
  readonly machineId: number | null;
  readonly usdPerHour: number | null;
  /** Whether the ledger reserved the budget; null until it was asked. */
  readonly accepted: boolean | null;
  readonly autoSwitch: boolean;
  readonly startedAtMs: number | null;
  readonly readyAtMs: number | null;
  readonly keepAliveUntilMs: number | null;
  readonly lastUsedAtMs: number | null;
  readonly lifetimeUntilMs: number | null;
  readonly budget: BudgetNumbers & { readonly projectedBreachAtMs: number | null };
  readonly health: { readonly consecutiveFailures: number; readonly lastOkAtMs: number | null };
  readonly attempts: readonly AttemptView[];
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  /** While DESTROYING: how long the provider has been shown our DELETE without the instance being gone. */
  readonly unconfirmedForMs: number | null;
  readonly receipt: Receipt | null;
  /** True when no worker answered and this is what the memo last said. */
  readonly isStale: boolean;
};

/** A session that never was, or whose records have expired. */
export function idleView(session: string): SessionView {
  return {
    session,
    run: null,
    state: 'IDLE',
    detail: 'Nothing is rented under this name.',
    endpoint: null,
    label: null,
    model: null,
    gpu: null,
    instanceId: null,
    machineId: null,
    usdPerHour: null,
    accepted: null,
    autoSwitch: true,
    startedAtMs: null,
    readyAtMs: null,
    keepAliveUntilMs: null,
    lastUsedAtMs: null,
    lifetimeUntilMs: null,
    budget: { limitUsd: 0, spentUsd: 0, reservedUsd: 0, projectedBreachAtMs: null },
    health: { consecutiveFailures: 0, lastOkAtMs: null },
    attempts: [],
    outcome: null,
    reason: null,
    unconfirmedForMs: null,
    receipt: null,
    isStale: false,
  };
}
