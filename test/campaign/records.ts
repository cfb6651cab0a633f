import type { ReceiptAnswer, StatusAnswer } from '../../src/admin/answers.ts';
import type { ContractRecord } from './market.ts';
import type { ProfileName } from './options.ts';
import type { SessionPlan } from './plan.ts';
import type { Outage } from './programs.ts';

/** All that is known of one run when it is over; what the invariants are checked on. Epoch ms, but in contracts. */
export type RunRecords = {
  readonly seed: number;
  readonly profile: ProfileName;
  readonly owner: string;
  /** When everything had ended and the nets had run. */
  readonly endedAtMs: number;
  /** The provider's books, in epoch seconds: every contract ever. */
  readonly contracts: readonly ContractRecord[];
  /** Ids of contracts that end under a label that somebody gave them in the console: so do their charges. */
  readonly renamedIds: readonly number[];
  /** The books before the first launch: all of it is other people's. */
  readonly strangersBefore: readonly ContractRecord[];
  readonly sessions: readonly SessionRecord[];
  /** What Temporal knows of each run, also of those that were ended from outside. */
  readonly runs: readonly TemporalRun[];
  readonly sightings: readonly Sighting[];
  readonly outages: readonly Outage[];
  readonly limits: readonly { readonly atMs: number; readonly usd: number }[];
  readonly hands: readonly Hand[];
  readonly timing: Timing;
  /** Runs of reaper and audit that did not complete when they were waited for. */
  readonly netFailures: readonly string[];
  readonly replayFailures: readonly {
    readonly workflowId: string;
    readonly runId: string;
    readonly why: string;
  }[];
  readonly leaks: readonly { readonly where: string; readonly what: string }[];
};

/** What the stack's settings come to, ms. */
export type Timing = {
  readonly reapMs: number;
  readonly auditMs: number;
  readonly settleMs: number;
  readonly meterMs: number;
  readonly launchMs: number;
  /** What a call takes up to that was interrupted, and a list's lag at the provider. */
  readonly lagMs: number;
};

export type LaunchOutcome = 'accepted' | 'unjudged' | 'over-budget' | 'refused' | 'unanswered';

export type SessionRecord = {
  readonly plan: SessionPlan;
  readonly launchedAtMs: number;
  readonly launch: LaunchOutcome;
  /** What a refusal said. */
  readonly said: string | null;
  /** The last status that was read; null when none could be. */
  readonly status: StatusAnswer | null;
  /** The receipt as it was when the session had just ended: what people are told, before any audit mends it. */
  readonly firstReceipt: ReceiptAnswer | null;
  /** True while Temporal still runs it at the end. */
  readonly isOpen: boolean;
};

export type TemporalRun = {
  readonly session: string;
  readonly run: string | null;
  readonly status: string;
  readonly startedAtMs: number;
  readonly closedAtMs: number | null;
};

/** What the API said of a session at a moment. */
export type Sighting = {
  readonly atMs: number;
  readonly session: string;
  readonly state: string;
  readonly instanceId: number | null;
};

/** What was done from outside. */
export type Hand = {
  readonly atMs: number;
  readonly did: 'terminate' | 'cancel' | 'reset' | 'terminate-ledger' | 'suspend';
  readonly session: string | null;
};

export type Violation = {
  readonly invariant: Invariant;
  readonly seed: number;
  readonly session: string | null;
  readonly what: string;
};

export const INVARIANTS = [
  'orphan',
  'double-rent',
  'overspend',
  'stranger',
  'lie',
  'limbo',
  'nondeterminism',
  'secret',
] as const;
export type Invariant = (typeof INVARIANTS)[number];
