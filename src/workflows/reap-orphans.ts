import { log, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import { judgeInstances, type ReaperVerdict, type SessionFacts, withinCeiling } from '../domain/reaping.ts';
import { destroy, quick } from './policies.ts';

export type ReapInput = { readonly owner: string; readonly unknownMax: number; readonly dryRun?: boolean };

export type ReapReport = {
  readonly found: number;
  readonly destroyed: readonly ReapedInstance[];
  readonly left: readonly ReapedInstance[];
  readonly dryRun: boolean;
  /** Unknown to this Temporal in this run: destroyed if the next run sees them so too. */
  readonly suspects: readonly number[];
  /** Instances of other owners' labels past their expiry: shown, never touched. */
  readonly expiredOfOthers: readonly {
    readonly instanceId: number;
    readonly label: string;
    readonly usdPerHour: number | null;
  }[];
};

export type ReapedInstance = { readonly instanceId: number; readonly label: string; readonly why: string };

/**
 * Destroys what carries our label and belongs to no open session: for when the session's own workflow could
 * not. It lists first and asks Temporal after, so that whatever was created meanwhile is not in its list.
 */
export async function reapOrphans(input: ReapInput): Promise<ReapReport> {
  const survey = await quick({ summary: 'list everything of ours' }).surveyInstances();
  const named = namedSessions(survey.ours, survey.openReservations, input.owner);
  const sessions = await quick({ summary: 'ask Temporal about each session' }).describeSessions({
    sessions: named,
  });
  const verdicts = withinCeiling(
    judgeInstances(survey.ours, {
      owner: input.owner,
      nowMs: Date.now(),
      sessions,
      suspects: lastSuspects(),
    }),
    input.unknownMax,
  );
  if (input.dryRun !== true) {
    await destroyOrphans(verdicts);
    await settleEnded(survey.openReservations, sessions, verdicts);
  }
  const report = reportOf(verdicts, survey.expiredOfOthers, input.dryRun === true);
  setCurrentDetails(
    `${report.found} of ours found, ${report.destroyed.length} destroyed, ${report.left.length} left`,
  );
  return report;
}

/** Sent together: the queue of destroys paces them. Each is seen gone by the next run, which finds it again if not. */
async function destroyOrphans(verdicts: readonly ReaperVerdict[]): Promise<void> {
  const doomed = verdicts.filter(({ action }) => action === 'destroy');
  for (const { instanceId, label, why } of doomed)
    log.warn('destroying an orphan', { instanceId, label, why });
  await Promise.all(
    doomed.map(({ instanceId, why }) =>
      destroy({ summary: `destroy orphan ${instanceId}: ${why}` }).destroyInstance({ instanceId }),
    ),
  );
}

/** A run that ended without closing its reservation, and of which nothing is left, is settled here. */
async function settleEnded(
  reservations: readonly { session: string; run: string }[],
  sessions: Readonly<Record<string, SessionFacts>>,
  verdicts: readonly ReaperVerdict[],
): Promise<void> {
  for (const { session, run } of reservations) {
    const facts = sessions[session];
    const isLeft = verdicts.some((verdict) => verdict.session === session && verdict.run === run);
    const hasEnded =
      facts?.kind === 'closed' || (facts?.kind === 'open' && facts.run !== null && facts.run !== run);
    if (!hasEnded || isLeft) continue;
    await quick({ summary: `settle what ${session} left open` }).settleTerminated({ session, run });
  }
}

function namedSessions(
  ours: Parameters<typeof judgeInstances>[0],
  reservations: readonly { session: string }[],
  owner: string,
): string[] {
  const ofInstances = judgeInstances(ours, { owner, nowMs: 0, sessions: {}, suspects: [] }).map(
    ({ session }) => session,
  );
  return [...new Set([...ofInstances, ...reservations.map(({ session }) => session)])];
}

function lastSuspects(): readonly number[] {
  const last = workflowInfo().lastResult as Partial<ReapReport> | undefined;
  return Array.isArray(last?.suspects) ? last.suspects : [];
}

function reportOf(
  verdicts: readonly ReaperVerdict[],
  expiredOfOthers: ReapReport['expiredOfOthers'],
  dryRun: boolean,
): ReapReport {
  const pick = (wanted: (verdict: ReaperVerdict) => boolean): ReapedInstance[] =>
    verdicts.filter(wanted).map(({ instanceId, label, why }) => ({ instanceId, label, why }));
  return {
    found: verdicts.length,
    destroyed: pick(({ action }) => action === 'destroy'),
    left: pick(({ action }) => action !== 'destroy'),
    dryRun,
    suspects: verdicts.filter(({ action }) => action === 'report').map(({ instanceId }) => instanceId),
    expiredOfOthers,
  };
}
