import type { Difference } from './differences.ts';

/** A difference between the official worker and ours that we want. */
export type WantedDifference = {
  /** Path of what differs: see `play`. */
  readonly at: RegExp;
  /** Of these cases, in each of which it must occur. */
  readonly cases: readonly string[];
  readonly why: string;
  /** Where the protocol's page tells of it. */
  readonly section: string;
};

/** All of them; whatever else differs fails the test, and so does a line here that has become untrue. */
export const WANTED_DIFFERENCES: readonly WantedDifference[] = [];

/** What of the differences seen in a case is not listed, and what is listed and was not seen. */
export function judge(name: string, differences: readonly Difference[]) {
  const listed = WANTED_DIFFERENCES.filter(({ cases }) => cases.includes(name));
  return {
    unlisted: differences.filter(({ at }) => !listed.some((wanted) => wanted.at.test(at))),
    untrue: listed
      .filter((wanted) => !differences.some(({ at }) => wanted.at.test(at)))
      .map(({ why }) => why),
  };
}
