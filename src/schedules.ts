import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client';
import type { Config } from './config.ts';
import { targetsOf } from './domain/notification.ts';
import { policyOf } from './domain/policy.ts';
import type { Installation } from './installation.ts';
import { withDeadline } from './temporal/connection.ts';
import type { AuditInput } from './workflows/audit-budget.ts';
import {
  AUDIT_REPORT_SCHEDULE_ID,
  AUDIT_SCHEDULE_ID,
  REAP_REPORT_SCHEDULE_ID,
  REAP_SCHEDULE_ID,
  TASK_QUEUES,
} from './workflows/ids.ts';
import type { ReapInput } from './workflows/reap-orphans.ts';

type Scheduled = {
  readonly id: string;
  readonly workflowType: string;
  readonly spec: ScheduleSpec;
  readonly args: unknown[];
  /** Run once now as well. */
  readonly atStart: boolean;
};

const CALL_MS = 20_000;
const EVERY_MS_MIN = 1_000;
/** A run that comes a little early is still the next one. */
const SUSPECT_SHARE = 0.8;

/**
 * The safety nets: what they do is in their workflows. The reaper runs at every worker start as well; once a day it
 * tells the whole of what it found, and the audit does so every six hours.
 */
export async function ensureSchedules(
  client: Client,
  config: Config,
  { owner }: Pick<Installation, 'owner'>,
): Promise<void> {
  const unknownMax = config.LEASH_REAP_MAX;
  const notify = targetsOf(config);
  const tailMs = config.LEASH_BILLING_TAIL_SECONDS * 1_000;
  const audit: AuditInput = { owner, unknownMax, tailMs, notify };
  const { settleMs, absenceGapMs } = policyOf(config);
  const suspectMs = config.LEASH_REAP_INTERVAL_MINUTES * 60_000 * SUSPECT_SHARE;
  const reap: ReapInput = { owner, unknownMax, settleMs, absenceGapMs, suspectMs, notify };
  await ensureSchedule(client, {
    id: REAP_SCHEDULE_ID,
    workflowType: 'reapOrphans',
    spec: every(config.LEASH_REAP_INTERVAL_MINUTES),
    args: [reap],
    atStart: true,
  });
  await ensureSchedule(client, {
    id: AUDIT_SCHEDULE_ID,
    workflowType: 'auditBudget',
    spec: every(config.LEASH_AUDIT_INTERVAL_MINUTES),
    args: [audit],
    atStart: false,
  });
  await ensureSchedule(client, {
    id: REAP_REPORT_SCHEDULE_ID,
    workflowType: 'reapOrphans',
    spec: { calendars: [{ hour: 4, minute: 0, comment: 'every day at 04:00 UTC' }] },
    args: [{ ...reap, isReport: true }],
    atStart: false,
  });
  await ensureSchedule(client, {
    id: AUDIT_REPORT_SCHEDULE_ID,
    workflowType: 'auditBudget',
    spec: every(6 * 60),
    args: [{ ...audit, isReport: true }],
    atStart: false,
  });
}

function every(minutes: number): ScheduleSpec {
  return { intervals: [{ every: Math.max(EVERY_MS_MIN, Math.round(minutes * 60_000)) }] };
}

/** Made, or brought up to date with the settings. An operator's pause is kept. */
async function ensureSchedule(client: Client, scheduled: Scheduled): Promise<void> {
  const { spec } = scheduled;
  const action = {
    type: 'startWorkflow' as const,
    workflowType: scheduled.workflowType,
    workflowId: scheduled.id,
    taskQueue: TASK_QUEUES.sessions,
    args: scheduled.args,
    workflowRunTimeout: '30 minutes' as const,
  };
  // A run starts late rather than twice, and an outage is not made up for.
  const policies = {
    overlap: ScheduleOverlapPolicy.SKIP,
    catchupWindow: '1 minute',
    pauseOnFailure: false,
  } as const;
  const handle = client.schedule.getHandle(scheduled.id);
  await withDeadline(client, CALL_MS, async () => {
    try {
      await client.schedule.create({ scheduleId: scheduled.id, spec, action, policies });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await handle.update((have) => ({ ...have, spec, action, policies: { ...have.policies, ...policies } }));
    }
    if (scheduled.atStart) await handle.trigger(ScheduleOverlapPolicy.SKIP);
  });
}
