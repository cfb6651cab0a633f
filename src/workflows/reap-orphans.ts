import { log, setCurrentDetails, sleep, workflowInfo } from '@temporalio/workflow';
import {
  judgeInstances,
  judgeLeftBehind,
  type ReaperVerdict,
  type SessionFacts,
  withinCeiling,
} from '../domain/reaping.ts';
import { destroy, quick } from './policies.ts';

export type ReapInput = {
  readonly owner: string;
  readonly unknownMax: number;
  readonly dryRun?: boolean;
  /** Set for a run that a person asked for and waits for. */
  readonly asked?: {
    /** Another owner, whose instances past their expiry are meant instead of our own. */
    readonly owner: string | null;
    /** What the last scheduled run found under unknown sessions; it is in its result, which this run is not given. */
    readonly suspects: readonly number[];
    /** Time between two complete lists that must both say gone before anything is called destroyed. */
    readonly absenceGapMs: number;
  };
};

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
  const otherOwner = input.asked?.owner ?? null;
  const survey = await listOf(otherOwner);
  const isDryRun = input.dryRun === true;
  let verdicts: readonly ReaperVerdict[];
  if (otherOwner === null) {
    const sessions = await quick({ summary: 'ask Temporal about each session' }).describeSessions({
      sessions: namedSessions(survey.ours, survey.openReservations, input.owner),
    });
    verdicts = judgeOurs(input, survey.ours, sessions);
    if (!isDryRun) {
      await destroyOrphans(verdicts);
      await settleEnded(survey.openReservations, sessions, verdicts);
    }
  } else {
    verdicts = judgeLeftBehind(survey.ours, { owner: otherOwner, nowMs: Date.now() });
    if (!isDryRun) await destroyOrphans(verdicts);
  }
  if (input.asked !== undefined && !isDryRun) verdicts = await withSeenGone(input.asked, verdicts);
  const report = reportOf(verdicts, survey.expiredOfOthers, isDryRun);
  setCurrentDetails(
    `${report.found} found, ${report.destroyed.length} ${isDryRun ? 'would be ' : ''}destroyed, ${report.left.length} left`,
  );
  return report;
}

function listOf(otherOwner: string | null) {
  return otherOwner === null
    ? quick({ summary: 'list everything of ours' }).surveyInstances()
    : quick({ summary: `list everything of owner ${otherOwner}` }).surveyInstances({ owner: otherOwner });
}

function judgeOurs(
  input: ReapInput,
  ours: Parameters<typeof judgeInstances>[0],
  sessions: Readonly<Record<string, SessionFacts>>,
): ReaperVerdict[] {
  const suspects = [...lastSuspects(), ...(input.asked?.suspects ?? [])];
  const verdicts = judgeInstances(ours, { owner: input.owner, nowMs: Date.now(), sessions, suspects });
  return withinCeiling(verdicts, input.unknownMax);
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

const GONE_LOOKS_MAX = 8;

/** A DELETE that was accepted promises nothing: what the market still lists is not called destroyed to whoever asked. */
async function withSeenGone(
  { owner, absenceGapMs }: NonNullable<ReapInput['asked']>,
  verdicts: readonly ReaperVerdict[],
): Promise<readonly ReaperVerdict[]> {
  const absences = new Map(
    verdicts.filter(({ action }) => action === 'destroy').map(({ instanceId }) => [instanceId, 0]),
  );
  const isOpen = () => [...absences.values()].some((count) => count < 2);
  for (let look = 0; look < GONE_LOOKS_MAX && isOpen(); look++) {
    await sleep(absenceGapMs, { summary: 'let the destroyed go' });
    const { ours } = await listOf(owner);
    const listed = new Set(ours.map(({ instanceId }) => instanceId));
    for (const [instanceId, count] of absences)
      absences.set(instanceId, listed.has(instanceId) ? 0 : count + 1);
  }
  return verdicts.map((verdict) =>
    (absences.get(verdict.instanceId) ?? 2) >= 2
      ? verdict
      : { ...verdict, action: 'keep', why: 'its DELETE was accepted, but the provider still shows it' },
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
