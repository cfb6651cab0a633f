import { type Label, ownerPrefix, parseLabel } from './label.ts';

/** What the market shows, as far as the reaper needs it. */
export type ReaperInstance = {
  readonly instanceId: number;
  readonly label: string | null;
  readonly labelFromEnvironment: string | null;
  readonly usdPerHour: number | null;
  readonly actualStatus: string | null;
};

/** What Temporal knows of a session: from `describe()` and memo, never from a query. */
export type SessionFacts =
  | {
      readonly kind: 'open';
      readonly run: string | null;
      readonly claims: readonly string[];
      readonly endsByMs: number | null;
    }
  | { readonly kind: 'closed'; readonly run: string | null; readonly wroteReceipt: boolean }
  | { readonly kind: 'unknown' };

export type ReaperVerdict = {
  readonly instanceId: number;
  readonly label: string;
  readonly session: string;
  readonly run: string;
  readonly usdPerHour: number | null;
  readonly action: 'keep' | 'destroy' | 'report';
  readonly why: string;
  /** Somebody changed the label in the console; the environment still says whose it is. */
  readonly isRelabelled: boolean;
  /** Proven dead: no ceiling. An unknown session's instance counts against `LEASH_REAP_MAX`. */
  readonly isProven: boolean;
};

/** Why an instance stays that is at work as it should be; every other reason to keep one is waited out. */
export const CLAIMED = 'its open session claims it';

/** Grace after `ends_by` and after a label's expiry, in which the session's own teardown is at work. */
export const REAP_GRACE_MS = 600_000;

/**
 * The decision table of the reaper, one verdict for each instance that carries a label of this owner.
 * Everything else (strangers, other owners, look-alikes) is not in the answer at all.
 */
export function judgeInstances(
  instances: readonly ReaperInstance[],
  known: {
    readonly owner: string;
    readonly nowMs: number;
    readonly sessions: Readonly<Record<string, SessionFacts>>;
    /** Instance ids that the previous run also saw under an unknown session. */
    readonly suspects: readonly number[];
  },
): ReaperVerdict[] {
  return instances.flatMap((instance) => {
    const label = labelOfOwner(instance, known.owner);
    if (label === null) return [];
    const { parsed, text } = label;
    const facts = known.sessions[parsed.session] ?? { kind: 'unknown' };
    const decided = decide({
      facts,
      label: parsed,
      text,
      isSuspect: known.suspects.includes(instance.instanceId),
      nowMs: known.nowMs,
    });
    const { instanceId, usdPerHour } = instance;
    const isRelabelled = instance.label !== text;
    const { session, run } = parsed;
    return [{ instanceId, label: text, session, run, usdPerHour, isRelabelled, ...decided }];
  });
}

/**
 * What another owner left behind, judged by label alone: nothing here knows its sessions, so only what is past
 * its label's expiry is nobody's any more. For a person who asked for it, never for a schedule.
 */
export function judgeLeftBehind(
  instances: readonly ReaperInstance[],
  { owner, nowMs }: { readonly owner: string; readonly nowMs: number },
): ReaperVerdict[] {
  return instances.flatMap((instance) => {
    const label = labelOfOwner(instance, owner);
    if (label === null) return [];
    const { session, run, expiresAtSec } = label.parsed;
    const isExpired = nowMs > expiresAtSec * 1_000 + REAP_GRACE_MS;
    const { instanceId, usdPerHour } = instance;
    return [
      {
        ...{ instanceId, label: label.text, session, run, usdPerHour, isProven: true },
        isRelabelled: instance.label !== label.text,
        action: isExpired ? 'destroy' : 'keep',
        why: isExpired
          ? 'its label has expired'
          : `its label holds until ${new Date(expiresAtSec * 1_000).toISOString()} and ten minutes more: its owner may be at work`,
      },
    ];
  });
}

/**
 * Our label on an instance: the one in its environment, or the visible one where the environment has none.
 * An environment that names another owner is believed over what somebody wrote into the console.
 */
export function labelOfOwner(
  instance: Pick<ReaperInstance, 'label' | 'labelFromEnvironment'>,
  owner: string,
): { parsed: Label; text: string } | null {
  for (const text of [instance.labelFromEnvironment, instance.label]) {
    const parsed = parseLabel(text);
    if (text !== null && parsed !== null)
      return text.startsWith(ownerPrefix(owner)) ? { parsed, text } : null;
  }
  return null;
}

function decide(seen: {
  facts: SessionFacts;
  label: Label;
  text: string;
  isSuspect: boolean;
  nowMs: number;
}): Pick<ReaperVerdict, 'action' | 'why' | 'isProven'> {
  const { facts, label, text, nowMs } = seen;
  const isExpired = nowMs > label.expiresAtSec * 1_000 + REAP_GRACE_MS;
  if (facts.kind === 'open') {
    if (isExpired) return { action: 'destroy', why: 'its label has expired', isProven: true };
    if (!facts.claims.includes(text))
      return { action: 'destroy', why: 'its session is open but does not claim it', isProven: true };
    if (facts.endsByMs !== null && nowMs > facts.endsByMs + REAP_GRACE_MS) {
      return { action: 'destroy', why: 'its session should have ended by now', isProven: true };
    }
    return { action: 'keep', why: CLAIMED, isProven: true };
  }
  if (facts.kind === 'closed') return { action: 'destroy', why: 'its session has ended', isProven: true };
  // Nobody is at work on it, so there is nothing to leave time for.
  if (nowMs > label.expiresAtSec * 1_000)
    return { action: 'destroy', why: 'its session is unknown and its label has expired', isProven: true };
  if (seen.isSuspect)
    return { action: 'destroy', why: 'its session is unknown, seen so twice', isProven: false };
  return {
    action: 'report',
    why: 'its session is unknown; destroyed if the next run sees it so too',
    isProven: false,
  };
}

/** Verdicts cut to what one run may destroy: what is proven has no ceiling. */
export function withinCeiling(verdicts: readonly ReaperVerdict[], unknownMax: number): ReaperVerdict[] {
  let unknowns = 0;
  return verdicts.map((verdict) => {
    if (verdict.action !== 'destroy' || verdict.isProven) return verdict;
    unknowns += 1;
    if (unknowns <= unknownMax) return verdict;
    return {
      ...verdict,
      action: 'report',
      why: `${verdict.why}; left, this run has destroyed ${unknownMax} of unknown sessions already`,
    };
  });
}

/** An instance of ours that was destroyed, or is to be, because no open session claims it. */
export type FoundOrphan = {
  readonly instanceId: number;
  readonly atMs: number;
  readonly label: string;
  readonly why: string;
};
