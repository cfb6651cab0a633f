import { randomUUID } from 'node:crypto';
import { policyOf } from '../domain/policy.ts';
import { withDeadline } from '../temporal/connection.ts';
import { REAP_SCHEDULE_ID } from '../workflows/ids.ts';
import type { ReapInput, ReapReport } from '../workflows/reap-orphans.ts';
import { askByWorkflow } from './asking.ts';
import { CALL_MS, type Context } from './context.ts';

export type ReapOrder = {
  readonly dryRun: boolean;
  /** Another owner, whose instances past their expiry are meant; null: our own. */
  readonly owner: string | null;
};

const REAP_MS = 90_000;

/** Runs the reaper now, and waits until what it destroyed is seen gone. */
export async function reapNow(context: Context, { dryRun, owner }: ReapOrder): Promise<ReapReport> {
  const { installation, config, policy } = context;
  const otherOwner = owner === installation.owner ? null : owner;
  const input: ReapInput = {
    owner: installation.owner,
    unknownMax: config.LEASH_REAP_MAX,
    dryRun,
    asked: {
      owner: otherOwner,
      suspects: otherOwner === null ? await suspectsOfLastRun(context) : [],
      absenceGapMs: policy?.absenceGapMs ?? policyOf(config).absenceGapMs,
    },
  };
  return askByWorkflow<ReapReport>(context, {
    workflowType: 'reapOrphans',
    workflowId: `${REAP_SCHEDULE_ID}/${randomUUID()}`,
    args: [input],
    forMs: REAP_MS,
    summary: `asked for by a person${dryRun ? ', as a dry run' : ''}${otherOwner === null ? '' : `, for owner ${otherOwner}`}`,
    tried: 'look for orphans',
  });
}

/** The newest finished scheduled run's; none where it cannot be had, which leaves unknown ones to the next run. */
async function suspectsOfLastRun({ client }: Context): Promise<readonly number[]> {
  try {
    return await withDeadline(client, CALL_MS, async () => {
      const { info } = await client.schedule.getHandle(REAP_SCHEDULE_ID).describe();
      for (const { action } of info.recentActions.toReversed()) {
        const handle = client.workflow.getHandle(
          action.workflow.workflowId,
          action.workflow.firstExecutionRunId,
        );
        if ((await handle.describe()).status.name !== 'COMPLETED') continue;
        return ((await handle.result()) as Partial<ReapReport>).suspects ?? [];
      }
      return [];
    });
  } catch {
    return [];
  }
}
