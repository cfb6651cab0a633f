import type { WorkflowExecutionDescription } from '@temporalio/client';
import { keepAliveUntil } from './domain/keep-alive.ts';
import { idleView, type SessionView, type SupervisionBeat } from './domain/session.ts';
import type { SessionMemo } from './workflows/messages.ts';

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
