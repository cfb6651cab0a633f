import { afterAll, beforeAll, expect, test } from 'vitest';
import { installOfficialCli } from '../simulator/official-cli.ts';
import { type Case, play } from './case.ts';
import { type Difference, differencesBetween } from './differences.ts';
import { type Engine, startEngine } from './engine.ts';
import { type Pair, type SetupName, startPair } from './setups.ts';
import { judge, neverSeen } from './wanted-differences.ts';
import type { Kind } from './workers.ts';

/** `LEASH_CONFORMANCE_SIDES=official,official` shows that the comparison itself sees no differences where none are. */
const KINDS = (process.env.LEASH_CONFORMANCE_SIDES ?? 'official,ours').split(',') as [Kind, Kind];
const IS_OF_OURS = KINDS.includes('ours');
/** Each case, and each time it is played, has this many request indexes of its own. */
const INDEXES = 1_000;

/** Every case on the official worker and on ours, at the same time and with the same bytes. */
export function compareOn(cases: readonly Case[]): void {
  const pairs = new Map<SetupName, Pair>();
  const seen: Difference[] = [];
  let engine: Engine;
  let played = 0;
  beforeAll(async () => {
    await installOfficialCli();
    engine = await startEngine();
    const setups = [...new Set(cases.map(({ on = 'ready' }) => on))];
    await Promise.all(setups.map(async (setup) => pairs.set(setup, await startPair(setup, KINDS, engine))));
  }, 180_000);
  afterAll(async () => {
    for (const pair of pairs.values()) await pair[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  test.each(cases)(
    '$name',
    // The official worker forgets what it counts while a report of its is under way: such a case is played again.
    { retry: 1, timeout: 60_000 },
    async (one) => {
      played += 1;
      const firstIndex = played * INDEXES;
      const sides = pairs.get(one.on ?? 'ready')?.sides ?? [];
      const [first, second] = await Promise.all(
        sides.map((side) => play(one, { ...side, engine, firstIndex })),
      );
      expect(second?.sent, 'both are sent the same bytes').toEqual(first?.sent);
      const differences = differencesBetween(first?.shown, second?.shown);
      seen.push(...differences);
      if (IS_OF_OURS) expect(judge(one.name, differences)).toEqual({ unlisted: [], untrue: [] });
      else expect(differences).toEqual([]);
    },
  );

  test.runIf(IS_OF_OURS)('what is listed to differ in any case does differ in some', () => {
    expect(neverSeen(seen)).toEqual([]);
  });
}
