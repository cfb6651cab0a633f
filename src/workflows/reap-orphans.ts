import { isCancellation, log, patched, setCurrentDetails, sleep } from '@temporalio/workflow';
import type { IdleBilling, OpenReservation, Survey } from '../activities/reap.ts';
import type { NotificationTarget } from '../domain/notification.ts';
import {
  judgeInstances,
  judgeLeftBehind,
  labelOfOwner,
  type ReaperVerdict,
  type SessionFacts,
  withinCeiling,
} from '../domain/reaping.ts';
import { countOrphans } from './measuring.ts';
import { tellOrphans } from './notifying.ts';
import { destroy, listing, once, quick } from './policies.ts';

export type ReapInput = {
  readonly owner: string;
  readonly unknownMax: number;
  /** How long a create may stay unseen before its absence counts, and the least time between two absences. */
  readonly settleMs: number;
  readonly absenceGapMs: number;
  /** Least time between the two runs that must both see an unknown session's instance. */
  readonly suspectMs: number;
  /** The run that people read: it tells of each thing it found, not only how many. */
  readonly isReport?: boolean;
  readonly dryRun?: boolean;
  /** Who is told of what was destroyed. */
  readonly notify?: readonly NotificationTarget[];
  /** Set for a run that a person asked for and waits for. */
  readonly asked?: {
    /** Another owner, whose instances past their expiry are meant instead of our own. */
    readonly owner: string | null;
  };
};

export type ReapReport = {
  readonly found: number;
  readonly destroyed: readonly ReapedInstance[];
  readonly left: readonly ReapedInstance[];
  readonly dryRun: boolean;
  /** Unknown to this Temporal in this run: destroyed if the next run sees them so too. */
  readonly suspects: readonly number[];
  /** Since when each of them has been; what the next run goes by. */
  readonly suspectSinceMs: Readonly<Record<string, number>>;
  /** Instances of other owners' labels past their expiry: shown, never touched. */
  readonly expiredOfOthers: readonly {
    readonly instanceId: number;
    readonly label: string;
    readonly usdPerHour: number | null;
  }[];
  /** Stopped instances and volumes of the account, whoever's: they go on billing. Missing before 0.2.0. */
  readonly idle?: readonly IdleBilling[];
};

export type ReapedInstance = { readonly instanceId: number; readonly label: string; readonly why: string };

/**
 * Destroys what carries our label and belongs to no open session: for when the session's own workflow could
 * not. It lists first and asks Temporal after, so that whatever was created meanwhile is not in its list.
 */
export async function reapOrphans(input: ReapInput): Promise<ReapReport> {
  // A run of 0.1.0 that is under way is finished as it began: it settled after one list, and told less.
  const settlesLate = patched('reap-settles-late');
  const otherOwner = input.asked?.owner ?? null;
  countOrphans('reaper', 0);
  const survey = await listOf(otherOwner);
  const isDryRun = input.dryRun === true;
  let verdicts: readonly ReaperVerdict[];
  if (otherOwner === null) {
    const sessions = await listing({ summary: 'ask Temporal about each session' }).describeSessions({
      sessions: namedSessions(survey.ours, survey.openReservations, input.owner),
    });
    verdicts = judgeOurs(input, survey, sessions);
    if (!isDryRun) {
      await destroyOrphans(input, verdicts, { isOurs: true });
      await restoreLabels(verdicts);
      await settleEnded(input, survey, sessions, settlesLate);
    }
  } else {
    verdicts = judgeLeftBehind(survey.ours, { owner: otherOwner, nowMs: Date.now() });
    if (!isDryRun) await destroyOrphans(input, verdicts, { isOurs: false });
  }
  if (input.asked !== undefined && !isDryRun) verdicts = await withSeenGone(input, verdicts);
  const idle = settlesLate ? [...survey.stopped, ...(await idleVolumes())] : [];
  const report = reportOf(verdicts, { ...survey, idle }, isDryRun);
  log.info('looked for orphans', {
    found: report.found,
    destroyed: report.destroyed.length,
    left: report.left.length,
    ofOthers: report.expiredOfOthers.length,
    idle: idle.length,
    dryRun: isDryRun,
  });
  if (!isDryRun) countOrphans('reaper', report.destroyed.length);
  if (input.isReport === true) tellAll(report);
  setCurrentDetails(
    `${report.found} found, ${report.destroyed.length} ${isDryRun ? 'would be ' : ''}destroyed, ${report.left.length} left`,
  );
  return report;
}

/** The day's report: what costs money and serves nobody, each with its price. */
function tellAll({ left, expiredOfOthers, idle = [] }: ReapReport): void {
  for (const one of left) log.info('report: left alone', one);
  for (const one of expiredOfOthers) log.warn('report: of another owner, past its expiry', one);
  for (const one of idle) log.warn('report: goes on billing', { ...one });
}

function listOf(otherOwner: string | null) {
  return otherOwner === null
    ? listing({ summary: 'list everything of ours' }).surveyInstances()
    : listing({ summary: `list everything of owner ${otherOwner}` }).surveyInstances({ owner: otherOwner });
}

function judgeOurs(
  input: ReapInput,
  { ours, suspectSinceMs = {} }: Survey,
  sessions: Readonly<Record<string, SessionFacts>>,
): ReaperVerdict[] {
  const nowMs = Date.now();
  // Runs can be seconds apart where workers restart; a person who asks has looked for himself.
  const sinceMsMax = input.asked === undefined ? nowMs - input.suspectMs : nowMs;
  const suspects = Object.keys(suspectSinceMs)
    .filter((id) => (suspectSinceMs[id] ?? nowMs) <= sinceMsMax)
    .map(Number);
  return withinCeiling(
    judgeInstances(ours, { owner: input.owner, nowMs, sessions, suspects }),
    input.unknownMax,
  );
}

/** Sent together: the queue of destroys paces them. Each is seen gone by the next run, which finds it again if not. */
async function destroyOrphans(
  { notify }: ReapInput,
  verdicts: readonly ReaperVerdict[],
  { isOurs }: { readonly isOurs: boolean },
): Promise<void> {
  const doomed = verdicts.filter(({ action }) => action === 'destroy');
  for (const { instanceId, label, why } of doomed)
    log.warn('destroying an orphan', { instanceId, label, why });
  await Promise.all(
    doomed.map(({ instanceId, label, why }) =>
      destroy({ summary: `destroy orphan ${instanceId}: ${why}` }).destroyInstance({
        instanceId,
        ...(isOurs && { orphan: { label, why } }),
      }),
    ),
  );
  await tellOrphans(notify, doomed);
}

/** An open session's instance under a name that hides it from people is put right; nobody waits for that. */
async function restoreLabels(verdicts: readonly ReaperVerdict[]): Promise<void> {
  for (const { action, isRelabelled, instanceId, label } of verdicts) {
    if (action !== 'keep' || !isRelabelled) continue;
    log.warn('its label was changed and is put back', { instanceId, label });
    await once({ summary: `put the label of ${instanceId} back` })
      .restoreLabel({ instanceId, label })
      .catch(unlessCancelled);
  }
}

/** For people only: a run is not lost for want of it. */
async function idleVolumes(): Promise<readonly IdleBilling[]> {
  try {
    return await once({ summary: 'list volumes' }).findIdleVolumes();
  } catch (error) {
    unlessCancelled(error);
    return [];
  }
}

function unlessCancelled(error: unknown): void {
  if (isCancellation(error)) throw error;
}

const GONE_LOOKS_MAX = 8;

/** A DELETE that was accepted promises nothing: what the market still lists is not called destroyed to whoever asked. */
async function withSeenGone(
  { asked, absenceGapMs }: ReapInput,
  verdicts: readonly ReaperVerdict[],
): Promise<readonly ReaperVerdict[]> {
  const absences = new Map(
    verdicts.filter(({ action }) => action === 'destroy').map(({ instanceId }) => [instanceId, 0]),
  );
  const isOpen = () => [...absences.values()].some((count) => count < 2);
  for (let look = 0; look < GONE_LOOKS_MAX && isOpen(); look++) {
    await sleep(absenceGapMs, { summary: 'let the destroyed go' });
    const { ours } = await listOf(asked?.owner ?? null);
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

/**
 * A run that ended without closing its reservation is settled here once nothing of it is left: in two complete
 * lists, and not while a create of it may still show up.
 */
async function settleEnded(
  { owner, settleMs, absenceGapMs }: ReapInput,
  survey: Survey,
  sessions: Readonly<Record<string, SessionFacts>>,
  settlesLate: boolean,
): Promise<void> {
  const withoutLeft = (open: readonly OpenReservation[], { ours }: Survey) => {
    const left = new Set(runsNamed(ours, owner));
    return open.filter(({ session, run }) => !left.has(`${session}:${run}`));
  };
  let ended = withoutLeft(survey.openReservations, survey).filter(
    ({ session, run, unansweredSinceMs }) =>
      hasEnded(sessions[session], run) && (!settlesLate || Date.now() >= (unansweredSinceMs ?? 0) + settleMs),
  );
  if (settlesLate && ended.length > 0) {
    await sleep(absenceGapMs, { summary: 'look once more before money is settled' });
    ended = withoutLeft(ended, await listOf(null));
  }
  for (const { session, run } of ended)
    await quick({ summary: `settle what ${session} left open` }).settleTerminated({ session, run });
}

function hasEnded(facts: SessionFacts | undefined, run: string): boolean {
  return facts?.kind === 'closed' || (facts?.kind === 'open' && facts.run !== null && facts.run !== run);
}

function runsNamed(ours: Parameters<typeof judgeInstances>[0], owner: string): string[] {
  return ours.flatMap((instance) => {
    const label = labelOfOwner(instance, owner);
    return label === null ? [] : [`${label.parsed.session}:${label.parsed.run}`];
  });
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

function reportOf(
  verdicts: readonly ReaperVerdict[],
  {
    expiredOfOthers,
    idle,
    suspectSinceMs = {},
  }: Pick<Survey, 'expiredOfOthers' | 'suspectSinceMs'> & Pick<ReapReport, 'idle'>,
  dryRun: boolean,
): ReapReport {
  const pick = (wanted: (verdict: ReaperVerdict) => boolean): ReapedInstance[] =>
    verdicts.filter(wanted).map(({ instanceId, label, why }) => ({ instanceId, label, why }));
  const suspects = verdicts.filter(({ action }) => action === 'report').map(({ instanceId }) => instanceId);
  return {
    found: verdicts.length,
    destroyed: pick(({ action }) => action === 'destroy'),
    left: pick(({ action }) => action !== 'destroy'),
    dryRun,
    suspects,
    suspectSinceMs: Object.fromEntries(suspects.map((id) => [id, suspectSinceMs[id] ?? Date.now()])),
    expiredOfOthers,
    idle: idle ?? [],
  };
}
