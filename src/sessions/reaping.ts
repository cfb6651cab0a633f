import { randomUUID } from 'node:crypto';
import { policyOf } from '../domain/policy.ts';
import { REAP_SCHEDULE_ID } from '../workflows/ids.ts';
import type { ReapInput, ReapReport } from '../workflows/reap-orphans.ts';
import { askByWorkflow } from './asking.ts';
import type { Context } from './context.ts';
import { readScheduled } from './scheduled-runs.ts';

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
  const { settleMs, absenceGapMs } = { ...policyOf(config), ...policy };
  const input: ReapInput = {
    owner: installation.owner,
    unknownMax: config.LEASH_REAP_MAX,
    dryRun,
    settleMs,
    absenceGapMs,
    suspectMs: 0,
    asked: { owner: otherOwner },
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

export type LastReap = {
  readonly atMs: number;
  readonly found: number;
  readonly destroyed: number;
  readonly left: number;
};

/** The newest finished run of the schedule; null before the first. */
export async function readLastReap(context: Context): Promise<LastReap | null> {
  const last = (await readScheduled<ReapReport>(context, REAP_SCHEDULE_ID))?.last ?? null;
  if (last === null) return null;
  const { found = 0, destroyed = [], left = [] } = last.report;
  return { atMs: last.atMs, found, destroyed: destroyed.length, left: left.length };
}
