import type { Difference } from './differences.ts';

/** A difference between the official worker and ours that we want. */
export type WantedDifference = {
  /** Path of what differs, in what `play` shows. */
  readonly at: RegExp;
  /** Of these cases, in each of which it must occur; `any` for what differs in most of them. */
  readonly cases: readonly string[] | 'any';
  /** Given where the two values are always the same; undefined stands for nothing there. */
  readonly values?: { readonly official: unknown; readonly ours: unknown };
  readonly why: string;
  /** Where pyworker-protocol tells of it. */
  readonly section: string;
};

/** All of them; whatever else differs fails a test, and so does a line here that has become untrue. */
export const WANTED_DIFFERENCES: readonly WantedDifference[] = [
  {
    at: /headers\.connection$/,
    cases: 'any',
    values: { official: 'close', ours: undefined },
    why: 'a caller keeps its connection: what the model says of its own is not passed on',
    section: '3.7',
  },
];

/** What of the differences seen in a case is not listed, and what is listed of this case and was not seen. */
export function judge(name: string, differences: readonly Difference[]) {
  const listed = WANTED_DIFFERENCES.filter(({ cases }) => cases === 'any' || cases.includes(name));
  return {
    unlisted: differences.filter((each) => !listed.some((wanted) => covers(wanted, each))),
    untrue: listed
      .filter((wanted) => wanted.cases !== 'any' && !differences.some((each) => covers(wanted, each)))
      .map(({ why }) => why),
  };
}

/** Of what may differ in any case, what has in none. */
export function neverSeen(differences: readonly Difference[]): string[] {
  return WANTED_DIFFERENCES.filter(({ cases }) => cases === 'any')
    .filter((wanted) => !differences.some((each) => covers(wanted, each)))
    .map(({ why }) => why);
}

function covers({ at, values }: WantedDifference, difference: Difference): boolean {
  if (!at.test(difference.at)) return false;
  if (values === undefined) return true;
  return Object.is(values.official, difference.official) && Object.is(values.ours, difference.ours);
}
