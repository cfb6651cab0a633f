import { type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { keepAliveUntil } from '../domain/keep-alive.ts';
import { idleView, type Receipt, type SessionView, type SupervisionBeat } from '../domain/session.ts';
import { withDeadline } from '../temporal/connection.ts';
import { decodeMessage } from '../temporal/data-converter.ts';
import { type SessionMemo, statusQuery } from '../workflows/messages.ts';
import { CALL_MS, type Context, QUERY_MS, sessionHandle } from './context.ts';

/** The session as it is now: its own word, else its memo; its receipt once it has ended. */
export async function readStatus(context: Context, session: string): Promise<SessionView> {
  const described = await describeSession(context, session);
  if (described === null) return viewOfArchive(context, session);
  const seen = viewOf(session, described);
  if (described.status.name !== 'RUNNING') return endedView(context, seen, described);
  const view = findView(seen, await askSession(context, session), heartbeatOf(described));
  context.table.note(view);
  return view;
}

/** Null for a session this Temporal does not know. */
export async function describeSession(
  context: Context,
  session: string,
): Promise<WorkflowExecutionDescription | null> {
  try {
    const described = await withDeadline(context.client, CALL_MS, () =>
      sessionHandle(context, session).describe(),
    );
    await decodeMessage(context.client, described.raw);
    return described;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Null when no worker answers in time, or none can: then the memo has to do. */
async function askSession(context: Context, session: string): Promise<SessionView | null> {
  try {
    return await withDeadline(context.client, QUERY_MS, () =>
      sessionHandle(context, session).query(statusQuery, Date.now()),
    );
  } catch {
    return null;
  }
}

async function endedView(
  context: Context,
  seen: Seen,
  described: WorkflowExecutionDescription,
): Promise<SessionView> {
  const { session, run } = seen.view;
  const archived = run === null ? null : await findArchived(context, { session, run });
  const receipt =
    described.status.name === 'COMPLETED' && archived?.final !== true
      ? await ownReceipt(context, session)
      : archived;
  return receipt === null ? seen.view : { ...seen.view, ...ofReceipt(receipt, seen.view) };
}

async function ownReceipt(context: Context, session: string): Promise<Receipt> {
  const result = await withDeadline(context.client, CALL_MS, () => sessionHandle(context, session).result());
  return result as Receipt;
}

/** One that Temporal has forgotten, or never knew. */
async function viewOfArchive(context: Context, session: string): Promise<SessionView> {
  const receipt = await findArchived(context, { session });
  const idle = idleView(session);
  return receipt === null ? idle : { ...idle, ...ofReceipt(receipt, idle) };
}

/** An archive that cannot be read takes no status away. */
async function findArchived(
  { archive, logger }: Context,
  of: { session: string; run?: string },
): Promise<Receipt | null> {
  try {
    return await archive.findReceipt(of);
  } catch (error) {
    logger.warn({ why: error instanceof Error ? error.message : String(error) }, 'cannot read the archive');
    return null;
  }
}

function ofReceipt(receipt: Receipt, view: SessionView): Partial<SessionView> {
  return {
    run: receipt.run,
    detail: `Ended: ${receipt.outcome} (${receipt.reason}).`,
    accepted: receipt.attempts.length > 0 ? true : null,
    readyAtMs: receipt.readyAtMs,
    startedAtMs: receipt.startedAtMs,
    budget: { ...view.budget, spentUsd: receipt.usd.total },
    attempts: receipt.attempts,
    outcome: receipt.outcome,
    reason: receipt.reason,
    receipt,
  };
}

/** What `describe()` alone tells of a session: no worker is asked. */
export type Seen = { readonly view: SessionView; readonly memo: Partial<SessionMemo> };

export function viewOf(session: string, described: WorkflowExecutionDescription): Seen {
  const memo = (described.memo ?? {}) as Partial<SessionMemo>;
  const isOpen = described.status.name === 'RUNNING';
  const base = idleView(session);
  const common = {
    ...base,
    run: memo.run ?? null,
    model: memo.model ?? null,
    autoSwitch: memo.auto_switch ?? true,
    startedAtMs: memo.started_at === undefined ? described.startTime.getTime() : Date.parse(memo.started_at),
    budget: { ...base.budget, limitUsd: memo.request?.budgetUsd ?? 0 },
  };
  if (isOpen) {
    return {
      memo,
      view: {
        ...common,
        state: memo.state ?? 'SEARCHING',
        detail: 'No worker answers; this is what the session said last.',
        endpoint: memo.endpoint ?? null,
        label: memo.label ?? null,
        instanceId: memo.instance_id ?? null,
        accepted: (memo.claims?.length ?? 0) > 0 ? true : null,
        isStale: true,
      },
    };
  }
  return { memo, view: { ...common, ...endedFromOutside(described.status.name) } };
}

/** The session's own word where a worker gave it, with the newest use from supervision's heartbeat. */
export function findView(seen: Seen, asked: SessionView | null, beat: SupervisionBeat | null): SessionView {
  const view = asked ?? seen.view;
  if (beat === null || view.state !== 'READY') return view;
  const lastUsedAtMs = Math.max(view.lastUsedAtMs ?? 0, beat.lastUsedAtMs);
  const keepAliveMs = seen.memo.request?.keepAliveMs ?? 0;
  return {
    ...view,
    lastUsedAtMs,
    keepAliveUntilMs: keepAliveUntil({ lastUsedAtMs, keepAliveMs, keptUntilMs: view.keepAliveUntilMs ?? 0 }),
    health: beat.health,
  };
}

/** Details of the newest heartbeat of the session's supervision; null while none is pending. */
export function heartbeatOf(described: WorkflowExecutionDescription): SupervisionBeat | null {
  for (const activity of described.raw.pendingActivities ?? []) {
    if (activity.activityType?.name !== 'superviseInstance') continue;
    const data = activity.heartbeatDetails?.payloads?.[0]?.data;
    if (data) return JSON.parse(Buffer.from(data).toString('utf8')) as SupervisionBeat;
  }
  return null;
}

function endedFromOutside(status: string): Partial<SessionView> {
  if (status === 'COMPLETED') return { state: 'IDLE' };
  return {
    state: 'IDLE',
    outcome: status === 'CANCELLED' ? 'cancelled' : 'terminated',
    reason: `Its workflow was ${status.toLowerCase()} from outside.`,
    detail: `Its workflow was ${status.toLowerCase()} from outside; the reaper gives back what it left.`,
  };
}
