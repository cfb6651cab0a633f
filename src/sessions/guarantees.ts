import type { FoundOrphan } from '../domain/reaping.ts';
import type { AuditReport } from '../workflows/audit-budget.ts';
import { AUDIT_SCHEDULE_ID, REAP_SCHEDULE_ID } from '../workflows/ids.ts';
import type { ReapedInstance, ReapReport } from '../workflows/reap-orphans.ts';
import type { Context } from './context.ts';
import { listSessions } from './listing.ts';
import { describeSession, heartbeatOf, readStatus, viewOf } from './records.ts';
import { readScheduled, type Scheduled } from './scheduled-runs.ts';

/** What keeps the promises, and when it last did. Null: not known now. */
export type Guarantees = {
  readonly reaper: RunTimes & {
    readonly intervalMs: number | null;
    readonly found: number | null;
    readonly destroyed: number | null;
    readonly left: readonly ReapedInstance[];
  };
  readonly audit: RunTimes & { readonly corrected: number | null };
  /** All that were ever found, and the newest of them. */
  readonly orphans: { readonly found: number; readonly newest: readonly FoundOrphan[] } | null;
  /** Minutes of 0: no guard is asked for. */
  readonly guard: { readonly minutes: number; readonly sessions: readonly GuardedSession[] };
  /** Sessions whose instance the provider still shows after our DELETE. */
  readonly unconfirmed: readonly { readonly session: string; readonly forMs: number }[];
};

type RunTimes = { readonly lastAtMs: number | null; readonly nextAtMs: number | null };

export type GuardedSession = {
  readonly session: string;
  readonly instanceId: number | null;
  readonly renewedAtMs: number | null;
  /** When it ends itself if nobody renews its lease; null before the first renewal. */
  readonly endsAtMs: number | null;
};

const SESSIONS_MAX = 200;
const ASKED_AT_ONCE = 10;

export async function readGuarantees(context: Context): Promise<Guarantees> {
  const [reaper, audit, orphans, open] = await Promise.all([
    readScheduled<ReapReport>(context, REAP_SCHEDULE_ID),
    readScheduled<AuditReport>(context, AUDIT_SCHEDULE_ID),
    readOrphans(context),
    listSessions(context, { open: true, limit: SESSIONS_MAX }),
  ]);
  const namesIn = (state: string) =>
    open.items.filter((summary) => summary.state === state).map(({ session }) => session);
  const { LEASH_GUARD_MINUTES: minutes } = context.config;
  const guarded = minutes === 0 ? [] : namesIn('READY');
  return {
    reaper: {
      ...timesOf(reaper),
      intervalMs: reaper?.intervalMs ?? null,
      found: reaper?.last?.report.found ?? null,
      destroyed: reaper?.last?.report.destroyed?.length ?? null,
      left: reaper?.last?.report.left ?? [],
    },
    audit: { ...timesOf(audit), corrected: audit?.last?.report.corrected?.length ?? null },
    orphans,
    guard: {
      minutes,
      sessions: await eachOf(guarded, (session) => readGuarded(context, session, minutes * 60_000)),
    },
    unconfirmed: await eachOf(namesIn('DESTROYING'), (session) => readUnconfirmed(context, session)),
  };
}

function timesOf(scheduled: Scheduled<unknown> | null): RunTimes {
  return { lastAtMs: scheduled?.last?.atMs ?? null, nextAtMs: scheduled?.nextAtMs ?? null };
}

/** An archive that cannot be read takes the rest not away. */
async function readOrphans({ archive, logger }: Context): Promise<Guarantees['orphans']> {
  try {
    return await archive.orphans();
  } catch (error) {
    logger.warn({ why: error instanceof Error ? error.message : String(error) }, 'cannot read the archive');
    return null;
  }
}

/** From supervision's heartbeat, for which no worker is asked; null for one that has ended meanwhile. */
async function readGuarded(
  context: Context,
  session: string,
  guardMs: number,
): Promise<GuardedSession | null> {
  const described = await describeSession(context, session);
  if (described === null || described.status.name !== 'RUNNING') return null;
  const renewedAtMs = heartbeatOf(described)?.health.lastOkAtMs ?? null;
  return {
    session,
    instanceId: viewOf(session, described).view.instanceId,
    renewedAtMs,
    endsAtMs: renewedAtMs === null ? null : renewedAtMs + guardMs,
  };
}

async function readUnconfirmed(
  context: Context,
  session: string,
): Promise<{ session: string; forMs: number } | null> {
  const { unconfirmedForMs } = await readStatus(context, session);
  return unconfirmedForMs === null ? null : { session, forMs: unconfirmedForMs };
}

async function eachOf<Answer>(
  names: readonly string[],
  read: (name: string) => Promise<Answer | null>,
): Promise<Answer[]> {
  const answers: (Answer | null)[] = [];
  for (let from = 0; from < names.length; from += ASKED_AT_ONCE) {
    answers.push(...(await Promise.all(names.slice(from, from + ASKED_AT_ONCE).map(read))));
  }
  return answers.filter((answer) => answer !== null);
}
