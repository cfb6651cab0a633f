/**
 * What this installation remembers of machines, and what that means for the next search.
 *
 * 1. It is advice: who names a machine gets it, and what cannot be read counts as nothing remembered.
 * 2. Only what the host did speaks against it. What a caller may have caused as well is written down when its
 *    session has ended, and only if no other machine had shown by then that it was the caller's.
 * 3. A machine that served is believed: failures before its last READY block nothing any more.
 * 4. Nothing lasts for ever: every block has an end, and notes older than `REMEMBERED_MS` are not read.
 */
import type { Attempt } from './attempt.ts';
import { type FailureKind, POLICIES } from './failure-table.ts';

/** One thing that happened on a machine; written once and never changed. */
export type MachineNote = {
  readonly machineId: number;
  /** Of the attempt it happened in. */
  readonly label: string;
  /** A kind of failure, `ready`, or `forgotten`: nothing before it counts. */
  readonly kind: string;
  /** When it failed, was READY, or was forgotten. */
  readonly atMs: number;
  /** How long it served after READY. */
  readonly servedMs: number;
};

/** What a search is told of a machine. */
export type MachineAdvice = {
  /** Its part of the score, 0 to 1. */
  readonly factor: number;
  /** Why it is not to be rented now; null: nothing speaks against it. */
  readonly avoid: string | null;
};

export type RememberedFailure = {
  readonly kind: FailureKind;
  readonly atMs: number;
  readonly label: string;
  /** Until when it keeps the machine from being rented; null where it only lowers the score. */
  readonly avoidedUntilMs: number | null;
};

export type MachineStanding = {
  readonly machineId: number;
  /** `avoided`: not rented now; `doubtful`: failed last; `proven`: served last. */
  readonly standing: 'avoided' | 'doubtful' | 'proven';
  readonly avoidedUntilMs: number | null;
  readonly factor: number;
  /** Newest first. */
  readonly failures: readonly RememberedFailure[];
  /** How often it reached READY, and how long it served in all. */
  readonly timesReady: number;
  readonly servedMs: number;
  readonly lastReadyAtMs: number | null;
  readonly lastSeenAtMs: number;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Hosts are repaired, sold and reinstalled: what is older than this says nothing. */
export const REMEMBERED_MS = 60 * DAY_MS;
/** No block is longer. */
const AVOIDED_MS_MAX = 30 * DAY_MS;
/** Each failure in a row, without a READY between, is avoided for so many times as long as the one before. */
const LONGER_EACH_TIME = 4;
/** A failure of less weight may be bad luck, or the caller's own doing: the first in a row only lowers the score. */
const BLOCKS_AT_ONCE_MS = 12 * HOUR_MS;
/** What is not known of a machine counts as half. */
const UNKNOWN_FACTOR = 0.5;
/** So many hours of service prove as much as one more READY. */
const HOURS_PER_PROOF = 12;

/** What an attempt tells of its machine, for the archive: nothing where neither host nor model came into it. */
export function notesOf(attempts: readonly Attempt[]): MachineNote[] {
  const callers = new Set(
    attempts.flatMap(({ failure }) => (failure?.whose === 'caller' ? [failure.kind] : [])),
  );
  return attempts.flatMap((attempt) => {
    const { failure, hostFailedAtMs, readyAtMs, label } = attempt;
    const { machineId } = attempt.choice;
    const isHosts = failure !== null && hostFailedAtMs !== undefined && !callers.has(failure.kind);
    const failed = isHosts
      ? [{ machineId, label, kind: failure.kind, atMs: hostFailedAtMs, servedMs: 0 }]
      : [];
    if (readyAtMs === undefined) return failed;
    const endMs = hostFailedAtMs ?? attempt.destroySentAtMs ?? attempt.endedAtMs ?? readyAtMs;
    const servedMs = Math.max(0, endMs - readyAtMs);
    return [...failed, { machineId, label, kind: 'ready', atMs: readyAtMs, servedMs }];
  });
}

/** Every machine that something is remembered of, by what matters: avoided ones first, then the newest. */
export function recall(notes: readonly MachineNote[], nowMs: number): MachineStanding[] {
  const recent = notes.filter(({ atMs }) => atMs > nowMs - REMEMBERED_MS);
  return [...Map.groupBy(recent, ({ machineId }) => machineId)]
    .flatMap(([machineId, ofMachine]) => standingOf(machineId, ofMachine, nowMs) ?? [])
    .sort((a, b) => rankOf(a) - rankOf(b) || b.lastSeenAtMs - a.lastSeenAtMs || a.machineId - b.machineId);
}

/** The same for a search: what each machine adds to its score, and why it is passed over. */
export function adviceOf(notes: readonly MachineNote[], nowMs: number): Record<number, MachineAdvice> {
  return Object.fromEntries(
    recall(notes, nowMs).map((standing) => [
      standing.machineId,
      { factor: standing.factor, avoid: whyAvoided(standing, nowMs) },
    ]),
  );
}

/** The factor of a machine's memory where nothing is remembered. */
export function factorOf(advice: MachineAdvice | undefined): number {
  return advice?.factor ?? UNKNOWN_FACTOR;
}

/** Takes everything back that was noted of a machine until now. */
export function forgetting(machineId: number, nowMs: number): MachineNote {
  return { machineId, label: `forgotten.${nowMs}`, kind: 'forgotten', atMs: nowMs, servedMs: 0 };
}

function standingOf(machineId: number, all: readonly MachineNote[], nowMs: number): MachineStanding | null {
  const forgottenAtMs = Math.max(
    0,
    ...all.filter(({ kind }) => kind === 'forgotten').map(({ atMs }) => atMs),
  );
  const notes = all.filter(({ atMs }) => atMs > forgottenAtMs).sort((a, b) => a.atMs - b.atMs);
  const readies = notes.filter(({ kind }) => kind === 'ready');
  const lastReadyAtMs = readies.at(-1)?.atMs ?? null;
  const failures = failuresIn(notes, lastReadyAtMs ?? 0);
  const last = notes.at(-1);
  if (last === undefined || failures.length + readies.length === 0) return null;
  const untilMs = Math.max(0, ...failures.map(({ avoidedUntilMs }) => avoidedUntilMs ?? 0));
  const servedMs = readies.reduce((sum, ready) => sum + ready.servedMs, 0);
  const isAvoided = untilMs > nowMs;
  return {
    machineId,
    standing: isAvoided ? 'avoided' : last.kind === 'ready' ? 'proven' : 'doubtful',
    avoidedUntilMs: isAvoided ? untilMs : null,
    factor: goodness(readies.length, servedMs) * badness(failures, nowMs),
    failures: failures.reverse(),
    timesReady: readies.length,
    servedMs,
    lastReadyAtMs,
    lastSeenAtMs: last.atMs + last.servedMs,
  };
}

/** Oldest first. A row since the last READY: the nth is avoided longer than the one before it. */
function failuresIn(notes: readonly MachineNote[], lastReadyAtMs: number): RememberedFailure[] {
  let inARow = 0;
  return notes.flatMap(({ kind, atMs, label }) => {
    const baseMs = isHostFailure(kind) ? POLICIES[kind].blockMachineMs : 0;
    if (!isHostFailure(kind) || baseMs === 0) return [];
    if (atMs < lastReadyAtMs) return [{ kind, atMs, label, avoidedUntilMs: null }];
    const spanMs = Math.min(AVOIDED_MS_MAX, baseMs * LONGER_EACH_TIME ** inARow);
    const isBlocking = baseMs >= BLOCKS_AT_ONCE_MS || inARow > 0;
    inARow += 1;
    return [{ kind, atMs, label, avoidedUntilMs: isBlocking ? atMs + spanMs : null }];
  });
}

/** A newer version may have written kinds that this one does not know. */
function isHostFailure(kind: string): kind is FailureKind {
  return Object.hasOwn(POLICIES, kind);
}

/** From what is unknown towards 1, each proof halving the distance. */
function goodness(timesReady: number, servedMs: number): number {
  const proofs = timesReady + servedMs / HOUR_MS / HOURS_PER_PROOF;
  return 1 - (1 - UNKNOWN_FACTOR) * 0.5 ** proofs;
}

/** Each failure halves it, and counts for half as much with every day, or every block's length, that has passed. */
function badness(failures: readonly RememberedFailure[], nowMs: number): number {
  const weights = failures.map(({ kind, atMs }) => {
    const halfLifeMs = Math.max(DAY_MS, POLICIES[kind].blockMachineMs);
    return 0.5 ** (Math.max(0, nowMs - atMs) / halfLifeMs);
  });
  return 0.5 ** weights.reduce((sum, weight) => sum + weight, 0);
}

function rankOf({ standing }: MachineStanding): number {
  return standing === 'avoided' ? 0 : 1;
}

function whyAvoided({ avoidedUntilMs, failures }: MachineStanding, nowMs: number): string | null {
  const cause = failures.find((failure) => failure.avoidedUntilMs === avoidedUntilMs);
  if (avoidedUntilMs === null || cause === undefined) return null;
  const until = new Date(avoidedUntilMs).toISOString().slice(0, 16).replace('T', ' ');
  const times = failures.length > 1 ? `, ${failures.length} failures in all` : '';
  return `remembered: ${cause.kind} ${agoText(nowMs - cause.atMs)} ago${times}; avoided until ${until} UTC`;
}

function agoText(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1_440)} days`;
}
