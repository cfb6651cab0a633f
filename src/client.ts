import type { ClientInterceptors } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Archive } from './archive/archive.ts';
import type { Config } from './config.ts';
import type { Span } from './domain/costs.ts';
import type { LaunchPlan } from './domain/plan.ts';
import type { Policy } from './domain/policy.ts';
import type { SessionRequest, SessionState, SessionView } from './domain/session.ts';
import type { Installation } from './installation.ts';
import { type Budget, readBudget } from './sessions/budget.ts';
import type { Context } from './sessions/context.ts';
import { type Costs, readCosts } from './sessions/costs.ts';
import { type Guarantees, readGuarantees } from './sessions/guarantees.ts';
import { addHours, type HoursBook, listHours, removeHours } from './sessions/hours.ts';
import { launchSession } from './sessions/launching.ts';
import { listSessions } from './sessions/listing.ts';
import { type Logs, type LogsOrder, readSessionLogs } from './sessions/logs.ts';
import { forgetMachine, listMachines, type MachineBook } from './sessions/machines.ts';
import { type News, NewsDesk } from './sessions/news.ts';
import { listNotifications, type NotificationDesk, testNotifications } from './sessions/notifications.ts';
import { type PlanQuestion, planSession } from './sessions/planning.ts';
import { readReadiness } from './sessions/readiness.ts';
import {
  type LastAudit,
  type LastReap,
  type ReapOrder,
  readLastAudit,
  readLastReap,
  reapNow,
} from './sessions/reaping.ts';
import { readStatus } from './sessions/records.ts';
import { explaining } from './sessions/refusals.ts';
import { readSamples, type Samples, type SamplesOrder } from './sessions/samples.ts';
import { type ServingSession, ServingTable } from './sessions/serving-table.ts';
import { destroySession, extendSession } from './sessions/steering.ts';
import { readTimeline, type Timeline, type TimelineOrder } from './sessions/timeline/reading.ts';
import { listVersions, promoteVersion, type WorkerVersions } from './sessions/versions.ts';
import { connectClient } from './temporal/connection.ts';
import { PayloadKeys } from './temporal/payload-keys.ts';
import type { ReapReport } from './workflows/reap-orphans.ts';

export type { Budget } from './sessions/budget.ts';
export type { Costs } from './sessions/costs.ts';
export type { Guarantees } from './sessions/guarantees.ts';
export type { Hours, HoursBook, HoursOrder } from './sessions/hours.ts';
export type { Logs, LogsOrder } from './sessions/logs.ts';
export type { MachineBook } from './sessions/machines.ts';
export type { News } from './sessions/news.ts';
export type { NotificationDesk, Notified } from './sessions/notifications.ts';
export type { PlanQuestion } from './sessions/planning.ts';
export type { LastAudit, LastReap, ReapOrder } from './sessions/reaping.ts';
export type { Samples, SamplesOrder } from './sessions/samples.ts';
export type { ServingSession } from './sessions/serving-table.ts';
export type { Timeline, TimelineOrder } from './sessions/timeline/reading.ts';
export type { Versions, WorkerVersions } from './sessions/versions.ts';
export type { ReapReport } from './workflows/reap-orphans.ts';

/** Sessions over Temporal. Every call has a deadline; every expected refusal is thrown as a `Problem`. */
export type Sessions = {
  /** conflict (open with other parameters, naming them), destroying, over-budget, no-credit, market-unreachable, market-refused, temporal-unreachable. */
  launch(order: LaunchOrder): Promise<{ created: boolean; view: SessionView }>;
  /** IDLE for a name nobody launched. temporal-unreachable. */
  status(session: string): Promise<SessionView>;
  /** nothing-to-extend, over-budget, conflict, destroying, no-worker, temporal-unreachable. */
  extend(order: ExtendOrder): Promise<SessionView>;
  /** `done` once the receipt is there; nothing there is done too. temporal-unreachable. */
  destroy(order: DestroyOrder): Promise<{ done: boolean; view: SessionView }>;
  /** Newest first; `next` is an opaque token. */
  list(filter: ListFilter): Promise<{ items: SessionSummary[]; next: string | null }>;
  /** no-worker, temporal-unreachable. */
  budget(): Promise<Budget>;
  /** What was spent in a span, by instance, open sessions until now. temporal-unreachable. */
  costs(span: Span): Promise<Costs>;
  /** What a launch would do and cost; rents nothing. market-unreachable, market-refused, no-worker, temporal-unreachable. */
  plan(question: PlanQuestion): Promise<LaunchPlan>;
  /** The newest lines of its instance's log. not-found, market-unreachable, market-refused, no-worker, temporal-unreachable. */
  logs(order: LogsOrder): Promise<Logs>;
  /** Tells what changes until the returned function is called; from after `lastId` where that is known. */
  listen(listener: (news: News) => void, lastId: string | null): () => void;
  /** What happened to the newest session of a name. not-found, invalid, temporal-unreachable. */
  timeline(order: TimelineOrder): Promise<Timeline>;
  /** What each look at the newest session of a name saw. not-found, temporal-unreachable. */
  samples(order: SamplesOrder): Promise<Samples>;
  /** Business hours. conflict (the id is taken), not-found, temporal-unreachable. */
  readonly hours: HoursBook;
  /** What is remembered of machines, by the archive. not-found. */
  readonly machines: MachineBook;
  /** Of the workers. temporal-unreachable. */
  readonly versions: WorkerVersions;
  /** What people were told of. temporal-unreachable. */
  readonly notifications: NotificationDesk;
  /** The reaper's last finished scheduled run; null before the first. temporal-unreachable. */
  lastReap(): Promise<LastReap | null>;
  /** The audit's last finished scheduled run; null before the first. temporal-unreachable. */
  lastAudit(): Promise<LastAudit | null>;
  /** What keeps the promises, and when it last did. temporal-unreachable. */
  guarantees(): Promise<Guarantees>;
  /** market-unreachable, no-worker, temporal-unreachable. */
  reap(order: ReapOrder): Promise<ReapReport>;
  /** Sessions as the gateway may use them now, kept fresh each second. */
  serving(): readonly ServingSession[];
  /** Out of the table until a fresh look says READY again. */
  markUnreachable(session: string): void;
  readiness(): Promise<Readiness>;
  close(): Promise<void>;
};

export type LaunchOrder = {
  readonly session: string;
  readonly request: SessionRequest;
  readonly idempotencyKey?: string;
};
export type ExtendOrder = {
  readonly session: string;
  readonly additionalMs: number;
  readonly idempotencyKey?: string;
};
export type DestroyOrder = {
  readonly session: string;
  readonly waitMs?: number;
  readonly reason?: 'requested' | 'shutdown';
};
export type ListFilter = {
  readonly state?: SessionState;
  readonly open?: boolean;
  readonly limit?: number;
  readonly after?: string;
};
export type Readiness = {
  temporal: boolean;
  worker: boolean;
  schedules: boolean;
  market: boolean;
  details: string[];
};

export type SessionSummary = {
  readonly session: string;
  readonly state: SessionState;
  readonly outcome: string | null;
  readonly gpu: string | null;
  readonly instanceId: string | null;
  readonly usdPerHour: number | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  readonly run: string | null;
  /** As its memo has them; null where it has none. */
  readonly model?: string | null;
  readonly budgetUsd?: number | null;
  /** By its receipt; null or absent while there is none. */
  readonly spentUsd?: number | null;
};

export type SessionsDeps = {
  readonly config: Config;
  readonly installation: Installation;
  /** Who opened it closes it, after this. */
  readonly archive: Archive;
  readonly address?: string;
  readonly namespace?: string;
  readonly logger: Logger;
  /** Around every call to a workflow. */
  readonly interceptors?: ClientInterceptors | undefined;
  /** For tests: durations that no setting names. */
  readonly policy?: Partial<Policy>;
};

/** Connects to Temporal and keeps the table of serving sessions fresh until `close`. Throws when Temporal cannot be reached. */
export async function connectSessions(deps: SessionsDeps): Promise<Sessions> {
  const payloadKeys = new PayloadKeys(deps.config.LEASH_PAYLOAD_KEYS_FILE, deps.logger);
  const { client, close } = await connectClient({ ...deps, payloadKeys });
  const table = new ServingTable(client, deps.installation.owner, deps.logger);
  table.start();
  const { config, installation, archive, logger, policy } = deps;
  const context: Context = { client, table, config, installation, archive, logger, policy };
  const news = new NewsDesk(
    {
      list: (filter) => listSessions(context, filter),
      status: (session) => readStatus(context, session),
      budget: () => readBudget(context),
    },
    logger,
  );
  return {
    launch: (order) => explaining(() => launchSession(context, order)),
    status: (session) => explaining(() => readStatus(context, session)),
    extend: (order) => explaining(() => extendSession(context, order)),
    destroy: (order) => explaining(() => destroySession(context, order)),
    list: (filter) => explaining(() => listSessions(context, filter)),
    budget: () => explaining(() => readBudget(context)),
    costs: (span) => explaining(() => readCosts(context, span)),
    plan: (question) => explaining(() => planSession(context, question, () => readBudget(context))),
    logs: (order) => explaining(() => readSessionLogs(context, order)),
    listen: (listener, lastId) => news.listen(listener, lastId),
    timeline: (order) => explaining(() => readTimeline(context, order)),
    samples: (order) => explaining(() => readSamples(context, order)),
    hours: {
      add: (order) => explaining(() => addHours(context, order)),
      list: () => explaining(() => listHours(context)),
      remove: (id) => explaining(() => removeHours(context, id)),
    },
    machines: {
      list: () => listMachines(context),
      forget: (machineId) => forgetMachine(context, machineId),
    },
    versions: {
      list: () => explaining(() => listVersions(context)),
      promote: (buildId) => explaining(() => promoteVersion(context, buildId)),
    },
    notifications: {
      list: () => explaining(() => listNotifications(context)),
      test: () => explaining(() => testNotifications(context)),
    },
    lastReap: () => explaining(() => readLastReap(context)),
    lastAudit: () => explaining(() => readLastAudit(context)),
    guarantees: () => explaining(() => readGuarantees(context)),
    reap: (order) => explaining(() => reapNow(context, order)),
    serving: () => table.serving(),
    markUnreachable: (session) => table.markUnreachable(session),
    readiness: () => readReadiness(context),
    close: async () => {
      await news.stop();
      await table.stop();
      await close();
    },
  };
}
