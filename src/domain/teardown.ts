/**
 * When an instance counts as destroyed. A DELETE that was accepted proves nothing: instances linger, lists
 * lag, and a create whose answer was lost may still appear.
 */
export type TeardownFacts = {
  /** The latest moment at which the create can have been sent; null when it never was. */
  readonly createSentAtMs: number | null;
  /** Ids ever known under this label, and whether a DELETE has been sent for each. */
  readonly ids: readonly { readonly instanceId: number; readonly deleteSentAtMs: number | null }[];
  /** Whether the instance was ever seen on the market's books. */
  readonly wasSeen: boolean;
  /**
   * Looks at which the instance was absent to a read by id and to a complete list, since it was last present.
   * All moments here are of one clock, each no later than the look and no earlier than the sending.
   */
  readonly absences: readonly number[];
};

export type TeardownVerdict =
  | { readonly kind: 'gone' }
  /** Send a DELETE for these ids (again, where the instance is still there), then look. */
  | { readonly kind: 'destroy'; readonly instanceIds: readonly number[] }
  /** Nothing to delete is known: look again, absence does not count yet. */
  | { readonly kind: 'look' };

export const ABSENCES_NEEDED = 2;

/** What to do next about one label, given everything seen so far. */
export function judgeTeardown(
  facts: TeardownFacts,
  rules: { readonly absenceGapMs: number; readonly settleMs: number },
): TeardownVerdict {
  if (facts.createSentAtMs === null && facts.ids.length === 0) return { kind: 'gone' };
  const unsent = facts.ids
    .filter(({ deleteSentAtMs }) => deleteSentAtMs === null)
    .map(({ instanceId }) => instanceId);
  if (unsent.length > 0) return { kind: 'destroy', instanceIds: unsent };
  const countsFromMs = countingFrom(facts, (facts.createSentAtMs ?? 0) + rules.settleMs);
  const absences = facts.absences.filter((atMs) => atMs >= countsFromMs);
  const [first] = absences;
  const last = absences.at(-1);
  if (
    absences.length >= ABSENCES_NEEDED &&
    first !== undefined &&
    last !== undefined &&
    last - first >= rules.absenceGapMs
  ) {
    return { kind: 'gone' };
  }
  if (facts.absences.length === 0 && facts.ids.length > 0) {
    return { kind: 'destroy', instanceIds: facts.ids.map(({ instanceId }) => instanceId) };
  }
  return { kind: 'look' };
}

/**
 * Absence counts only after every DELETE was sent, and only after the instance was seen once or the settling
 * time has run since its create.
 */
function countingFrom(facts: TeardownFacts, settledAtMs: number): number {
  const deletesSentAtMs = facts.ids.map(({ deleteSentAtMs }) => deleteSentAtMs ?? Number.POSITIVE_INFINITY);
  return Math.max(facts.wasSeen ? 0 : settledAtMs, ...deletesSentAtMs);
}
