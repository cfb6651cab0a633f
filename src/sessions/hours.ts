import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { policyOf } from '../domain/policy.ts';
import { Problem } from '../domain/problem.ts';
import type { SessionRequest } from '../domain/session.ts';
import { withDeadline } from '../temporal/connection.ts';
import { hoursOfScheduleId, hoursScheduleId, TASK_QUEUES } from '../workflows/ids.ts';
import type { HoursEdge } from '../workflows/launch-on-schedule.ts';
import { CALL_MS, type Context } from './context.ts';

/** When a session is launched and ended by itself; `from` and `to` are times of day such as 09:00. */
export type HoursOrder = {
  readonly id: string;
  readonly session: string;
  readonly days: 'weekdays' | 'daily';
  readonly from: string;
  readonly to: string;
  readonly timezone: string;
  readonly request: SessionRequest;
};
export type Hours = Omit<HoursOrder, 'request'> & {
  readonly model: string;
  readonly isPaused: boolean;
  readonly nextLaunchAtMs: number | null;
  readonly lastLaunchAtMs: number | null;
};
export type HoursBook = {
  add(order: HoursOrder): Promise<Hours>;
  list(): Promise<Hours[]>;
  /** What is open stays open. */
  remove(id: string): Promise<void>;
};

const WEEK = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;
const WORKDAYS = [1, 2, 3, 4, 5];

/** Two schedules of Temporal, one for each end; the session's lifetime ends with the hours as well. */
export async function addHours(context: Context, order: HoursOrder): Promise<Hours> {
  const { id, request, session, from, to } = order;
  const lifetimeMs = Math.min(request.lifetimeMs, lengthMs(order));
  const keepAliveMs = Math.min(request.keepAliveMs, lifetimeMs);
  const policy = { ...policyOf(context.config), ...context.policy };
  const open: HoursEdge = {
    edge: 'open',
    order: { session, request: { ...request, lifetimeMs, keepAliveMs }, policy },
  };
  try {
    await createEdge(context, order, { edge: open, at: from, daysLater: 0 });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    throw new Problem(
      'conflict',
      `There are hours named ${id} already. Remove them first, or take another name.`,
    );
  }
  const close: HoursEdge = { edge: 'close', session };
  try {
    await createEdge(context, order, { edge: close, at: to, daysLater: to < from ? 1 : 0 });
  } catch (error) {
    await deleteEdge(context, id, 'open');
    throw error;
  }
  return describeHours(context, id);
}

export async function listHours(context: Context): Promise<Hours[]> {
  const ids: string[] = [];
  await withDeadline(context.client, CALL_MS, async () => {
    for await (const { scheduleId } of context.client.schedule.list()) {
      const id = hoursOfScheduleId(scheduleId);
      if (id !== null) ids.push(id);
    }
  });
  return Promise.all(ids.sort().map((id) => describeHours(context, id)));
}

export async function removeHours(context: Context, id: string): Promise<void> {
  const hadOpen = await deleteEdge(context, id, 'open');
  const hadClose = await deleteEdge(context, id, 'close');
  if (!hadOpen && !hadClose) throw new Problem('not-found', `There are no hours named ${id}.`);
}

async function createEdge(
  { client }: Context,
  { id, session, days, from, to, timezone, request }: HoursOrder,
  { edge, at, daysLater }: { edge: HoursEdge; at: string; daysLater: number },
): Promise<void> {
  const [hour, minute] = at.split(':').map(Number);
  const scheduleId = hoursScheduleId(id, edge.edge);
  await withDeadline(client, CALL_MS, () =>
    client.schedule.create({
      scheduleId,
      spec: {
        timezone,
        calendars: [
          {
            hour: hour ?? 0,
            minute: minute ?? 0,
            dayOfWeek:
              days === 'daily' ? '*' : WORKDAYS.map((day) => WEEK[(day + daysLater) % 7] ?? 'MONDAY'),
          },
        ],
      },
      action: {
        type: 'startWorkflow',
        workflowType: 'launchOnSchedule',
        workflowId: scheduleId,
        taskQueue: TASK_QUEUES.sessions,
        args: [edge],
        workflowRunTimeout: '5 minutes',
      },
      policies: {
        overlap: ScheduleOverlapPolicy.SKIP,
        // Nobody waits for a GPU from this morning; an end that was missed is still wanted.
        catchupWindow: edge.edge === 'open' ? '1 minute' : '1 hour',
      },
      memo: { hours: { id, session, days, from, to, timezone, model: request.model } },
    }),
  );
}

async function deleteEdge({ client }: Context, id: string, edge: 'open' | 'close'): Promise<boolean> {
  try {
    await withDeadline(client, CALL_MS, () => client.schedule.getHandle(hoursScheduleId(id, edge)).delete());
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

async function describeHours({ client }: Context, id: string): Promise<Hours> {
  const { memo, info, state } = await withDeadline(client, CALL_MS, () =>
    client.schedule.getHandle(hoursScheduleId(id, 'open')).describe(),
  );
  const { hours } = memo as { hours: Omit<HoursOrder, 'request'> & { model: string } };
  return {
    ...hours,
    isPaused: state.paused,
    nextLaunchAtMs: info.nextActionTimes[0]?.getTime() ?? null,
    lastLaunchAtMs: info.recentActions.at(-1)?.takenAt.getTime() ?? null,
  };
}

function lengthMs({ from, to }: Pick<HoursOrder, 'from' | 'to'>): number {
  const minutesOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  return ((minutesOf(to) - minutesOf(from) + 1_440) % 1_440) * 60_000;
}
