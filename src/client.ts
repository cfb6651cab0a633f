import { randomInt, randomUUID } from 'node:crypto';
import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import type { LedgerNumbers } from './domain/ledger.ts';
import { type Policy, policyOf } from './domain/policy.ts';
import { PROBLEM_KINDS, Problem, type ProblemKind } from './domain/problem.ts';
import {
  idleView,
  type Receipt,
  type SessionRequest,
  type SessionState,
  type SessionView,
} from './domain/session.ts';
import type { Installation } from './installation.ts';
import { type ServingSession, ServingTable } from './serving-table.ts';
import { findView, heartbeatOf, viewOf } from './session-records.ts';
import { connectClient, isTemporalSilent, withDeadline } from './temporal/connection.ts';
import {
  ledgerWorkflowId,
  REAP_SCHEDULE_ID,
  sessionOfWorkflowId,
  sessionWorkflowId,
  TASK_QUEUES,
} from './workflows/ids.ts';
import {
  destroyUpdate,
  extendUpdate,
  ledgerQuery,
  type MemoRequest,
  type OpenAnswer,
  openUpdate,
  SEARCH_ATTRIBUTES,
  type SessionInput,
  type SessionMemo,
  statusQuery,
  toMemoRequest,
} from './workflows/messages.ts';

export type { ServingSession } from './serving-table.ts';

/** Sessions over Temporal. Every call has a deadline; every expected refusal is thrown as a `Problem`. */
export type Sessions = {
  /** conflict (open with other parameters, naming them), destroying, over-budget, no-credit, market-unreachable, market-refused, temporal-unreachable. */
  launch(order: LaunchOrder): Promise<{ created: boolean; view: SessionView }>;
  /** IDLE for a name nobody launched. temporal-unreachable. */
  status(session: string): Promise<SessionView>;
  /** nothing-to-extend, over-budget, conflict, destroying, no-worker, temporal-unreachable. */
  extend(order: ExtendOrder): Promise<SessionView>;
  /** `done` once the receipt is there; nothing there is done too. no-worker, temporal-unreachable. */
  destroy(order: DestroyOrder): Promise<{ done: boolean; view: SessionView }>;
  /** Newest first; `next` is an opaque token. */
  list(filter: ListFilter): Promise<{ items: SessionSummary[]; next: string | null }>;
  /** no-worker, temporal-unreachable. */
  budget(): Promise<LedgerNumbers & { readonly freeUsd: number }>;
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
};

export type SessionsDeps = {
  readonly config: Config;
  readonly installation: Installation;
  readonly address?: string;
  readonly namespace?: string;
  readonly logger: Logger;
  /** For tests: durations that no setting names. */
  readonly policy?: Partial<Policy>;
};

/** How long a launch waits to be judged: then it is durable, and will be judged when a worker comes. */
const OPEN_MS = 5_000;
const CALL_MS = 10_000;
const QUERY_MS = 2_000;
const LIST_MAX = 200;

export async function connectSessions(deps: SessionsDeps): Promise<Sessions> {
  const { client, close } = await connectClient(deps);
  const table = new ServingTable(client, deps.installation.owner, deps.logger);
  table.start();
  return new TemporalSessions({ ...deps, client, table, close });
}

class TemporalSessions implements Sessions {
  readonly #client: Client;
  readonly #deps: SessionsDeps;
  readonly #table: ServingTable;
  readonly #disconnect: () => Promise<void>;

  constructor(deps: SessionsDeps & { client: Client; table: ServingTable; close: () => Promise<void> }) {
    this.#deps = deps;
    this.#client = deps.client;
    this.#table = deps.table;
    this.#disconnect = deps.close;
  }

  async launch(order: LaunchOrder): Promise<{ created: boolean; view: SessionView }> {
    // Between the refusal to start and the look at what is there, that session may end: then it is started.
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#start(order);
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw this.#explained(error);
        const existing = await this.#existing(order);
        if (existing !== null) return { created: false, view: existing };
        if (tries >= 3)
          throw new Problem(
            'conflict',
            `Session ${order.session} is starting and ending at the same time; try again.`,
          );
      }
    }
  }

  async status(session: string): Promise<SessionView> {
    return this.#guarded(async () => {
      const described = await this.#describe(session);
      if (described === null) return idleView(session);
      if (described.status.name !== 'RUNNING') return this.#closedView(session, described);
      const asked = await this.#query(session);
      const view = findView(viewOf(session, described), asked, heartbeatOf(described));
      this.#table.note(view);
      return view;
    });
  }

  async extend({ session, additionalMs, idempotencyKey }: ExtendOrder): Promise<SessionView> {
    return this.#guarded(async () => {
      try {
        return await withDeadline(this.#client, CALL_MS, () =>
          this.#handle(session).executeUpdate(extendUpdate, {
            args: [{ additionalMs }],
            updateId: idempotencyKey ?? randomUUID(),
          }),
        );
      } catch (error) {
        if (isGone(error)) throw nothingToExtend(session);
        throw this.#refusalOf(error) ?? this.#unanswered(error, session);
      }
    });
  }

  async destroy({
    session,
    waitMs = 0,
    reason = 'requested',
  }: DestroyOrder): Promise<{ done: boolean; view: SessionView }> {
    return this.#guarded(async () => {
      try {
        await withDeadline(this.#client, CALL_MS, () =>
          this.#handle(session).executeUpdate(destroyUpdate, { args: [{ reason }], updateId: randomUUID() }),
        );
      } catch (error) {
        // Closed already, or while we asked: what there is to say is in its record.
        if (!isGone(error) && !isEndedUnderUpdate(error)) throw this.#unanswered(error, session);
      }
      if (waitMs > 0) await this.#awaitEnd(session, waitMs);
      const view = await this.status(session);
      return { done: view.state === 'IDLE', view };
    });
  }

  async list(filter: ListFilter): Promise<{ items: SessionSummary[]; next: string | null }> {
    return this.#guarded(async () => {
      const clauses = ["WorkflowType = 'gpuSession'"];
      if (filter.open !== undefined) clauses.push(`ExecutionStatus ${filter.open ? '=' : '!='} 'Running'`);
      if (filter.state !== undefined) clauses.push(`SessionState = '${filter.state}'`);
      const limit = Math.min(LIST_MAX, filter.limit ?? 50);
      const answer = await withDeadline(this.#client, CALL_MS, () =>
        this.#client.workflowService.listWorkflowExecutions({
          namespace: this.#client.options.namespace,
          query: clauses.join(' AND '),
          pageSize: limit,
          ...(filter.after === undefined ? {} : { nextPageToken: Buffer.from(filter.after, 'base64url') }),
        }),
      );
      const items: SessionSummary[] = [];
      for (const info of answer.executions ?? []) {
        const session = sessionOfWorkflowId(info.execution?.workflowId ?? '');
        if (session !== null) items.push(this.#summary(session, info));
      }
      const token = answer.nextPageToken;
      return { items, next: token && token.length > 0 ? Buffer.from(token).toString('base64url') : null };
    });
  }

  async budget(): Promise<LedgerNumbers & { readonly freeUsd: number }> {
    return this.#guarded(async () => {
      const ledger = this.#client.workflow.getHandle(ledgerWorkflowId(this.#deps.installation.owner));
      try {
        const summary = await withDeadline(this.#client, CALL_MS, () => ledger.query(ledgerQuery));
        return {
          ...summary,
          freeUsd: Math.max(0, summary.limitUsd - summary.spentUsd - summary.reservedUsd),
        };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError)
          throw noWorker('The ledger has not been opened yet: no worker has run here.');
        throw this.#unanswered(error, null);
      }
    });
  }

  serving(): readonly ServingSession[] {
    return this.#table.serving();
  }

  markUnreachable(session: string): void {
    this.#table.markUnreachable(session);
  }

  async readiness(): Promise<Readiness> {
    const details: string[] = [];
    const check = async (name: string, ask: () => Promise<boolean>): Promise<boolean> => {
      try {
        const isFine = await withDeadline(this.#client, QUERY_MS, ask);
        if (!isFine) details.push(`${name}: not so`);
        return isFine;
      } catch (error) {
        details.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        return false;
      }
    };
    const temporal = await check('Temporal answers', async () => {
      await this.#client.workflowService.getSystemInfo({});
      return true;
    });
    if (!temporal) return { temporal, worker: false, schedules: false, market: false, details };
    const worker = await check('a worker polls', () => this.#isWorkerPolling());
    const reaper = await this.#lastReap().catch(() => null);
    if (reaper === null) details.push('the reaper: no schedule, or it has not run yet');
    return { temporal, worker, schedules: reaper !== null, market: reaper === true, details };
  }

  async close(): Promise<void> {
    await this.#table.stop();
    await this.#disconnect();
  }

  async #start({
    session,
    request,
    idempotencyKey,
  }: LaunchOrder): Promise<{ created: true; view: SessionView }> {
    const { installation, config, policy } = this.#deps;
    const run = makeRun();
    const input: SessionInput = {
      session,
      owner: installation.owner,
      run,
      request,
      policy: { ...policyOf(config), ...policy },
    };
    const operation = new WithStartWorkflowOperation('gpuSession', {
      workflowId: sessionWorkflowId(session),
      taskQueue: TASK_QUEUES.sessions,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      memo: firstMemo(input),
      typedSearchAttributes: [
        { key: SEARCH_ATTRIBUTES.state, value: 'SEARCHING' },
        { key: SEARCH_ATTRIBUTES.owner, value: installation.owner },
      ],
      staticSummary: `${request.model}, up to $${request.budgetUsd}`,
    });
    try {
      const answer: OpenAnswer = await withDeadline(this.#client, OPEN_MS, () =>
        this.#client.workflow.executeUpdateWithStart(openUpdate, {
          startWorkflowOperation: operation,
          args: [],
          updateId: idempotencyKey ?? randomUUID(),
        }),
      );
      if (answer.refusal !== null) throw new Problem(answer.refusal.kind, answer.refusal.detail);
      this.#table.note(answer.view);
      return { created: true, view: answer.view };
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError || error instanceof Problem) throw error;
      if (!isUnanswered(error)) throw error;
      // Without a worker nobody judges it, but the start itself lasts: look whether it is there.
      const described = await this.#describe(session);
      if (described === null || (described.memo as Partial<SessionMemo> | undefined)?.run !== run)
        throw error;
      return { created: true, view: { ...viewOf(session, described).view, accepted: null } };
    }
  }

  /** What an open session answers a second launch; null when it has ended meanwhile. */
  async #existing({ session, request }: LaunchOrder): Promise<SessionView | null> {
    const described = await this.#describe(session);
    if (described === null || described.status.name !== 'RUNNING') return null;
    const memo = described.memo as Partial<SessionMemo> | undefined;
    if (memo?.ending === true) {
      throw new Problem('destroying', `Session ${session} is ending; launch it again once it is IDLE.`, {
        retryAfterSeconds: 10,
      });
    }
    const differing = memo?.request === undefined ? [] : differences(memo.request, toMemoRequest(request));
    if (differing.length === 0) return this.status(session);
    throw new Problem(
      'conflict',
      `Session ${session} is open with other parameters (${differing.map(({ field }) => field).join(', ')}). Destroy it first, or launch under another name.`,
      { problems: differing },
    );
  }

  async #describe(session: string): Promise<WorkflowExecutionDescription | null> {
    try {
      return await withDeadline(this.#client, CALL_MS, () => this.#handle(session).describe());
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  /** Null when no worker answers in time: then the memo has to do. */
  async #query(session: string): Promise<SessionView | null> {
    try {
      return await withDeadline(this.#client, QUERY_MS, () => this.#handle(session).query(statusQuery));
    } catch {
      return null;
    }
  }

  async #closedView(session: string, described: WorkflowExecutionDescription): Promise<SessionView> {
    const seen = viewOf(session, described);
    if (described.status.name !== 'COMPLETED') return seen.view;
    const receipt = (await withDeadline(this.#client, CALL_MS, () =>
      this.#handle(session).result(),
    )) as Receipt;
    return { ...seen.view, ...ofReceipt(receipt) };
  }

  async #awaitEnd(session: string, waitMs: number): Promise<void> {
    await withDeadline(this.#client, waitMs, () => this.#handle(session).result()).catch((error) => {
      if (
        !isUnanswered(error) &&
        !isGone(error) &&
        !(error instanceof Error && error.name === 'WorkflowFailedError')
      )
        throw error;
    });
  }

  async #isWorkerPolling(): Promise<boolean> {
    const answer = await this.#client.workflowService.describeTaskQueue({
      namespace: this.#client.options.namespace,
      taskQueue: { name: TASK_QUEUES.sessions },
      taskQueueType: 1,
    });
    const freshMs = Date.now() - 120_000;
    return (answer.pollers ?? []).some(
      ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > freshMs,
    );
  }

  /** Whether the reaper's last run ended well: it lists the market, so this tells of the key too. Null: none yet. */
  async #lastReap(): Promise<boolean | null> {
    return withDeadline(this.#client, QUERY_MS, async () => {
      const { info } = await this.#client.schedule.getHandle(REAP_SCHEDULE_ID).describe();
      const last = info.recentActions.at(-1);
      if (last === undefined || last.action.type !== 'startWorkflow') return null;
      const run = await this.#client.workflow.getHandle(last.action.workflow.workflowId).describe();
      return (
        run.status.name === 'COMPLETED' ||
        (run.status.name === 'RUNNING' && Date.now() - run.startTime.getTime() < 60_000)
      );
    });
  }

  #summary(session: string, info: ListedExecution): SessionSummary {
    const attribute = (name: string): unknown => decoded(info.searchAttributes?.indexedFields?.[name]?.data);
    const memoRun = decoded(info.memo?.fields?.run?.data);
    const closeMs = millis(info.closeTime);
    return {
      session,
      state:
        closeMs === null ? ((attribute('SessionState') as SessionState | undefined) ?? 'SEARCHING') : 'IDLE',
      outcome:
        (attribute('SessionOutcome') as string | undefined) ??
        (closeMs === null || info.status === 2 ? null : 'terminated'),
      gpu: (attribute('GpuName') as string | undefined) ?? null,
      instanceId: (attribute('InstanceId') as string | undefined) ?? null,
      usdPerHour: (attribute('UsdPerHour') as number | undefined) ?? null,
      startedAtMs: millis(info.startTime) ?? 0,
      endedAtMs: closeMs,
      run: typeof memoRun === 'string' ? memoRun : null,
    };
  }

  #handle(session: string) {
    return this.#client.workflow.getHandle(sessionWorkflowId(session));
  }

  async #guarded<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** A refusal by validator or handler carries the problem's kind as its type. */
  #refusalOf(error: unknown): Problem | null {
    if (!(error instanceof WorkflowUpdateFailedError)) return null;
    const { cause } = error;
    const kind =
      cause instanceof ApplicationFailure ? PROBLEM_KINDS.find((known) => known === cause.type) : undefined;
    return kind === undefined ? null : new Problem(kind as ProblemKind, cause?.message ?? '');
  }

  /** No answer to a message while Temporal itself answers means that no worker runs. */
  #unanswered(error: unknown, session: string | null): unknown {
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isTemporalSilent(error)) {
      const whom = session === null ? 'the ledger' : `session ${session}`;
      return noWorker(
        `No worker answered for ${whom}. What was asked is kept, and is done once a worker runs.`,
      );
    }
    return error;
  }

  #explained(error: unknown): unknown {
    if (error instanceof Problem) return error;
    if (isTemporalSilent(error)) {
      return new Problem(
        'temporal-unreachable',
        'Temporal does not answer. Open sessions go on as they are; see that its server runs.',
        {
          retryAfterSeconds: 5,
        },
      );
    }
    return error;
  }
}

type ListedExecution = NonNullable<
  Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>>['executions']
>[number];

/** Fixed at the session's start and part of every label: a reset must not change it, so it is made here. */
function makeRun(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 10 }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** The memo before the first task ran: it claims nothing, which the reaper reads as nothing rented. */
function firstMemo({ owner, run, request }: SessionInput): SessionMemo {
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
    started_at: new Date().toISOString(),
    auto_switch: request.autoSwitch,
  };
}

/** Which parameters differ, and how. */
function differences(
  open: MemoRequest,
  asked: MemoRequest,
): { field: string; given: unknown; allowed: string }[] {
  return (Object.keys(asked) as (keyof SessionRequest)[])
    .filter((name) => JSON.stringify(open[name]) !== JSON.stringify(asked[name]))
    .map((name) => ({
      field: wireName(name),
      given: asked[name],
      allowed: `${JSON.stringify(open[name])}, as it was launched`,
    }));
}

const WIRE_NAMES: Partial<Record<keyof SessionRequest, string>> = {
  keepAliveMs: 'keep_alive_minutes',
  lifetimeMs: 'max_lifetime_minutes',
  gpuCount: 'num_gpus',
  gpuRamMibMin: 'gpu_ram_gib',
  bidUsdPerHourMax: 'max_bid_usd_per_hour',
  usdPerHourMax: 'max_usd_per_hour',
  reliabilityMin: 'min_reliability',
};

function wireName(name: keyof SessionRequest): string {
  return WIRE_NAMES[name] ?? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function ofReceipt(receipt: Receipt): Partial<SessionView> {
  return {
    run: receipt.run,
    detail: `Ended: ${receipt.outcome} (${receipt.reason}).`,
    readyAtMs: receipt.readyAtMs,
    startedAtMs: receipt.startedAtMs,
    attempts: receipt.attempts,
    accepted: receipt.attempts.length > 0 ? true : null,
    outcome: receipt.outcome,
    reason: receipt.reason,
    receipt,
  };
}

function nothingToExtend(session: string): Problem {
  return new Problem('nothing-to-extend', `There is no open session ${session} to extend; launch it first.`);
}

function noWorker(detail: string): Problem {
  return new Problem('no-worker', detail, { retryAfterSeconds: 5 });
}

function isGone(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError;
}

function isUnanswered(error: unknown): boolean {
  return error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isTemporalSilent(error);
}

function isEndedUnderUpdate(error: unknown): boolean {
  return error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure
    ? error.cause.type === 'AcceptedUpdateCompletedWorkflow'
    : false;
}

function decoded(data: Uint8Array | null | undefined): unknown {
  if (!data || data.length === 0) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    return Array.isArray(value) ? value[0] : (value ?? undefined);
  } catch {
    return undefined;
  }
}

function millis(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number | null {
  if (!time?.seconds) return null;
  return Number(time.seconds) * 1_000 + Math.floor((time.nanos ?? 0) / 1e6);
}
