/**
 * The shortest part of a list that still `breaks`, by delta debugging: halves first, then ever smaller pieces are
 * left out. Stops early when `mayGoOn` says so; what was found by then is returned.
 */
export async function shrink<Item>(
  items: readonly Item[],
  breaks: (some: readonly Item[]) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<readonly Item[]> {
  let kept = items;
  if (kept.length > 0 && mayGoOn() && (await breaks([]))) return [];
  let pieces = 2;
  while (kept.length >= 2 && pieces <= kept.length) {
    const size = Math.ceil(kept.length / pieces);
    let wasSmaller = false;
    for (let from = 0; from < kept.length; from += size) {
      if (!mayGoOn()) return kept;
      const rest = kept.filter((_, index) => index < from || index >= from + size);
      if (rest.length === kept.length || !(await breaks(rest))) continue;
      kept = rest;
      wasSmaller = true;
      break;
    }
    if (wasSmaller) pieces = Math.max(2, pieces - 1);
    else if (size === 1) break;
    else pieces = Math.min(kept.length, pieces * 2);
  }
  return kept;
}
