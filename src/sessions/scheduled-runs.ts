import { ScheduleNotFoundError, WorkflowNotFoundError } from '@temporalio/client';
import { withDeadline } from '../temporal/connection.ts';
import { CALL_MS, type Context } from './context.ts';

/** A schedule as Temporal knows it. */
export type Scheduled<Report> = {
  readonly intervalMs: number | null;
  readonly nextAtMs: number | null;
  /** Its newest finished run; null before the first, and where Temporal has forgotten it. */
  readonly last: { readonly atMs: number; readonly report: Partial<Report> } | null;
};

/** Null where no worker has made the schedule yet. A report may be of an older version: any of it may be missing. */
export async function readScheduled<Report>(
  { client }: Pick<Context, 'client'>,
  scheduleId: string,
): Promise<Scheduled<Report> | null> {
  return withDeadline(client, CALL_MS, async () => {
    const described = await client.schedule
      .getHandle(scheduleId)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof ScheduleNotFoundError) return null;
        throw error;
      });
    if (described === null) return null;
    const { info, spec } = described;
    return {
      intervalMs: spec.intervals?.[0]?.every ?? null,
      nextAtMs: info.nextActionTimes[0]?.getTime() ?? null,
      last: await lastFinished<Report>(client, info.recentActions),
    };
  });
}

type RecentActions = readonly {
  readonly takenAt: Date;
  readonly action: {
    readonly workflow: { readonly workflowId: string; readonly firstExecutionRunId: string };
  };
}[];

async function lastFinished<Report>(
  client: Context['client'],
  recent: RecentActions,
): Promise<Scheduled<Report>['last']> {
  try {
    for (const { action, takenAt } of recent.toReversed()) {
      const { workflowId, firstExecutionRunId } = action.workflow;
      const handle = client.workflow.getHandle(workflowId, firstExecutionRunId);
      if ((await handle.describe()).status.name !== 'COMPLETED') continue;
      return { atMs: takenAt.getTime(), report: (await handle.result()) as Partial<Report> };
    }
    return null;
  } catch (error) {
    // That run is older than what Temporal keeps.
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
