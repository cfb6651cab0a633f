/**
 * The label is the only thing of ours the market keeps: it says whose an instance is, which attempt made
 * it and when nobody may want it any more. `leash.<owner>.<session>.<run>.<attempt>.x<expiry>`
 */
export type Label = {
  readonly owner: string;
  readonly session: string;
  readonly run: string;
  readonly attempt: number;
  /** Epoch seconds; after this (and ten minutes) nobody may keep the instance. */
  readonly expiresAtSec: number;
};

export const SESSION_NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
export const OWNER_ID = /^[a-z0-9]{10}$/;
const LABEL =
  /^leash\.([a-z0-9]{10})\.([a-z0-9][a-z0-9-]{0,39})\.([a-z0-9]{10})\.([1-9][0-9]{0,6})\.x(0|[1-9][0-9]{0,11})$/;

/** At most 256 of `a-z0-9.-`, which is what the market is known to keep unchanged. */
export function formatLabel(label: Label): string {
  const text = `leash.${label.owner}.${label.session}.${label.run}.${label.attempt}.x${label.expiresAtSec}`;
  if (!LABEL.test(text)) throw new Error(`Not a label of ours: ${text}`);
  return text;
}

/** Null for whatever is not exactly a label of ours: strangers' labels, look-alikes, longer or shorter ones. */
export function parseLabel(text: string | null): Label | null {
  const match = text === null ? null : LABEL.exec(text);
  if (match === null) return null;
  const [, owner = '', session = '', run = '', attempt = '', expiry = ''] = match;
  return { owner, session, run, attempt: Number(attempt), expiresAtSec: Number(expiry) };
}

/** A run's part of its labels, 10 characters; `pick` gives a random whole number below its argument. */
export function makeRun(pick: (below: number) => number): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 10 }, () => alphabet[pick(alphabet.length)]).join('');
}

/** The dot at the end keeps another owner whose id merely begins like ours apart. */
export function ownerPrefix(owner: string): string {
  return `leash.${owner}.`;
}
