/** One place where the two workers differ; `at` is its path, the parts divided by dots. */
export type Difference = { readonly at: string; readonly official: unknown; readonly ours: unknown };

/** Every leaf that is not the same; undefined stands for what is not there. */
export function differencesBetween(official: unknown, ours: unknown): Difference[] {
  const [theirs, own] = [leavesOf(official), leavesOf(ours)];
  return [...new Set([...theirs.keys(), ...own.keys()])]
    .map((at) => ({ at, official: theirs.get(at), ours: own.get(at) }))
    .filter((each) => !Object.is(each.official, each.ours))
    .filter(({ at }) => !hasBelow(theirs, at) && !hasBelow(own, at));
}

/** What is empty on one side only is told of by what the other side has in it. */
function hasBelow(leaves: ReadonlyMap<string, unknown>, at: string): boolean {
  return leaves.keys().some((other) => other.startsWith(`${at}.`));
}

function leavesOf(value: unknown, at: readonly string[] = []): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return new Map([[at.join('.'), value]]);
  const members = Object.entries(value);
  // An empty list or object is a leaf too, or nothing would tell it from one that is not there.
  if (members.length === 0) return new Map([[at.join('.'), Array.isArray(value) ? '[]' : '{}']]);
  return new Map(members.flatMap(([name, member]) => [...leavesOf(member, [...at, name])]));
}
