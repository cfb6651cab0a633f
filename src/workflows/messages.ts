import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { BudgetAlert } from '../domain/budget-outlook.ts';
import type { OpenCosts } from '../domain/costs.ts';
import type {
  CallOffAnswer,
  GrantAnswer,
  LedgerNumbers,
  LedgerSettings,
  Reservation,
  ReserveAnswer,
  SpendAnswer,
} from '../domain/ledger.ts';
import type { Delivery, Notification, NotificationKind, NotificationTarget } from '../domain/notification.ts';
import type { LaunchPlan } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { ProblemKind } from '../domain/problem.ts';
import type { BudgetNumbers, SessionRequest, SessionState, SessionView } from '../domain/session.ts';
import type { Correction, Settled } from '../domain/settled.ts';
import { sessionWorkflowId, TASK_QUEUES } from './ids.ts';

/** Names of messages are public: they are typed into Temporal's Web UI and its command line. Never renamed. */

export type SessionInput = {
  readonly session: string;
  readonly owner: string;
  /** 10 characters of a-z0-9, made by whoever starts the session: a reset must not change it. */
  readonly run: string;
  readonly request: SessionRequest;
  readonly policy: Policy;
  /** State carried over continue-as-new; absent on the first run. */
  readonly carried?: unknown;
};

/** Why a launch was not taken on. */
export type LaunchRefusal = { readonly kind: ProblemKind; readonly detail: string };
export type OpenAnswer = { readonly view: SessionView; readonly refusal: LaunchRefusal | null };

export type ExtendOrder = { readonly additionalMs: number };
export type DestroyOrder = { readonly reason?: 'requested' | 'shutdown' };

/** Launch's answer: waits until the session was taken on or refused. */
export const openUpdate = defineUpdate<OpenAnswer>('open');
export const extendUpdate = defineUpdate<SessionView, [ExtendOrder]>('extend');
export const destroyUpdate = defineUpdate<SessionView, [DestroyOrder]>('destroy');

/** The same by hand, from Temporal's Web UI: `{"additional_minutes": 30}`. */
export const extendSignal = defineSignal<[unknown?]>('extend');
export const destroySignal = defineSignal<[unknown?]>('destroy');
/** Counts as use now. */
export const touchSignal = defineSignal<[unknown?]>('touch');

/**
 * With the asker's clock: a workflow's own stands still between its events, for hours in a quiet session, and
 * what has been spent and waited since would stand still with it. Left out, it is answered by the workflow's.
 */
export const statusQuery = defineQuery<SessionView, [nowMs?: number]>('status');
/** What each instance of an open session has cost by then, in parts. */
export const costsQuery = defineQuery<OpenCosts, [nowMs: number]>('costs');

/** What `describe()` says of an open session without any worker; the reaper and the gateway live on it. */
export type SessionMemo = {
  readonly state: SessionState;
  readonly owner: string;
  readonly run: string;
  /** Labels an instance may carry and be kept. */
  readonly claims: readonly string[];
  readonly instance_id: number | null;
  readonly endpoint: string | null;
  readonly model: string;
  /** ISO 8601; the earlier of the session's lifetime and its budget moment. */
  readonly ends_by: string | null;
  /** Label of the instance that serves. */
  readonly label: string | null;
  /** True once the session is ending for good. */
  readonly ending: boolean;
  /** The request as it was understood; what a second launch is compared with. */
  readonly request: MemoRequest;
  readonly started_at: string;
  readonly auto_switch: boolean;
};

/** The request in little: a memo should stay below 2 kB, and tiers in full are more than that alone. */
export type MemoRequest = Omit<SessionRequest, 'tiers'> & { readonly tiers: readonly string[] };

export function toMemoRequest(request: SessionRequest): MemoRequest {
  const tiers = request.tiers.map(
    ({ name, vramGb, usdPerHourMax, priority }) => `${priority}:${name}:${vramGb}:${usdPerHourMax}`,
  );
  return { ...request, tiers };
}

/** The memo before the first task ran: it claims nothing, which the reaper reads as nothing rented. */
export function firstMemo({ owner, run, request }: SessionInput, nowMs: number): SessionMemo {
  return {
    state: 'SEARCHING',
    owner,
    run,
    claims: [],
    instance_id: null,
    endpoint: null,
    model: request.model,
    ends_by: null,
    label: null,
    ending: false,
    request: toMemoRequest(request),
    started_at: new Date(nowMs).toISOString(),
    auto_switch: request.autoSwitch,
  };
}

/** How a session is started, by whoever starts it: one that is open under its name is left as it is. */
export function sessionStart(input: SessionInput, startedBy = '') {
  const { model, budgetUsd } = input.request;
  return {
    workflowId: sessionWorkflowId(input.session),
    taskQueue: TASK_QUEUES.sessions,
    args: [input] as [SessionInput],
    workflowIdConflictPolicy: 'FAIL' as const,
    memo: firstMemo(input, Date.now()),
    typedSearchAttributes: [
      { key: SEARCH_ATTRIBUTES.state, value: 'SEARCHING' },
      { key: SEARCH_ATTRIBUTES.owner, value: input.owner },
    ],
    staticSummary: `${model}, up to $${budgetUsd}${startedBy}`,
    // A task that a worker had begun when it died is handed out again after this: no message waits longer.
    workflowTaskTimeout: '8 seconds' as const,
  };
}

export const SEARCH_ATTRIBUTES = {
  state: defineSearchAttributeKey('SessionState', 'KEYWORD'),
  outcome: defineSearchAttributeKey('SessionOutcome', 'KEYWORD'),
  gpu: defineSearchAttributeKey('GpuName', 'KEYWORD'),
  instanceId: defineSearchAttributeKey('InstanceId', 'KEYWORD'),
  owner: defineSearchAttributeKey('Owner', 'KEYWORD'),
  usdPerHour: defineSearchAttributeKey('UsdPerHour', 'DOUBLE'),
} as const;

/** The ledger's updates, called from activities only. */
export type ReserveOrder = { readonly key: string; readonly session: string; readonly capUsd: number };
export type GrantOrder = {
  readonly key: string;
  readonly attempt: number;
  readonly machineId: number;
  readonly usdPerHour: number;
};
export type AttemptRef = { readonly key: string; readonly attempt: number };
export type RebuildOrder = {
  readonly spentUsd: number;
  readonly open: readonly {
    readonly key: string;
    readonly session: string;
    readonly capUsd: number;
    readonly openedAtMs: number;
  }[];
  readonly settled: Settled;
  readonly sinceMs: number;
};

export const reserveUpdate = defineUpdate<ReserveAnswer, [ReserveOrder]>('reserve');
export const grantUpdate = defineUpdate<GrantAnswer, [GrantOrder]>('grant');
export const spendGrantUpdate = defineUpdate<SpendAnswer, [AttemptRef]>('spendGrant');
export const callOffUpdate = defineUpdate<CallOffAnswer, [AttemptRef]>('callOff');
export const noteAnsweredUpdate = defineUpdate<void, [AttemptRef & { usdPerHour: number | null }]>(
  'noteAnswered',
);
export const endAttemptUpdate = defineUpdate<void, [AttemptRef & { usd: number }]>('endAttempt');
export const closeUpdate = defineUpdate<LedgerNumbers, [{ key: string; usd: number | null }]>('close');
export const configureUpdate = defineUpdate<LedgerSummary, [LedgerSettings]>('configure');
export const rebuildUpdate = defineUpdate<LedgerSummary, [RebuildOrder]>('rebuild');
/** What the provider charged for sessions that have closed, as all they cost; the audit sends it. */
export const correctUpdate = defineUpdate<LedgerSummary, [{ corrections: readonly Correction[] }]>('correct');
/** With the asker's clock, as `statusQuery`. */
export const ledgerQuery = defineQuery<LedgerSummary, [nowMs?: number]>('ledger');
/** What the audit compares with the provider's charges. */
export const ledgerBooksQuery = defineQuery<LedgerBooks, [nowMs: number]>('books');
/** One open reservation with its bookings; null where there is none. */
export const reservationQuery = defineQuery<Reservation | null, [string]>('reservation');

export type LedgerSummary = LedgerNumbers & {
  readonly isRebuilt: boolean;
  readonly period: string;
  readonly periodStartMs: number;
  readonly periodEndMs: number | null;
  readonly openKeys: readonly string[];
  /** See `unansweredCreates`; a ledger that runs on an older version does not tell. */
  readonly unansweredSinceMs?: Readonly<Record<string, number>>;
  readonly alerts: readonly BudgetAlert[];
  readonly alertsFired: number;
  readonly projectedBreachAtMs: number | null;
};

export type LedgerBooks = {
  readonly isRebuilt: boolean;
  readonly periodStartMs: number;
  readonly openKeys: readonly string[];
  readonly settled: Settled;
  readonly settledSinceMs: number;
};

/** A question about a launch that rents nothing: what the market offers for it now, and what it would cost. */
export type MarketQuestion = {
  readonly request: SessionRequest;
  readonly policy: Policy;
  /** What checkpoint 1 is judged by; null where no ledger answered. */
  readonly ledger: BudgetNumbers | null;
};
export type MarketAnswer =
  | { readonly kind: 'plan'; readonly plan: LaunchPlan }
  /** The market's no (key, quota), or its silence. */
  | { readonly kind: 'market-refused' | 'market-unreachable'; readonly message: string };

/** What binds an installation to its market: in the ledger's memo, written at its first start. */
export type LedgerMemo = { readonly owner: string; readonly api_url: string; readonly account_id: string };

/** What one notification's delivery is started with. */
export type DeliveryOrder = {
  readonly notification: Notification;
  readonly targets: readonly NotificationTarget[];
};

/** What a list shows of a notification, without any worker. */
export type NotificationMemo = {
  readonly id: string;
  readonly kind: NotificationKind;
  readonly at: string;
  readonly session: string | null;
  readonly title: string;
  readonly deliveries: readonly Delivery[];
};

export function notificationMemo(
  { id, kind, atMs, session, title }: Notification,
  targets: readonly NotificationTarget[],
): NotificationMemo {
  const deliveries = targets.map((target) => ({ target, state: 'pending' as const, detail: '' }));
  return { id, kind, at: new Date(atMs).toISOString(), session, title, deliveries };
}
