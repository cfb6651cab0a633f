import { expect, test } from 'vitest';
import { crashPointsOf, nameOf } from './crash-points.ts';
import { parseOptions, parseSeeds, profileOf, ROOT } from './options.ts';
import { launchesOf, mishapsOf, type Step } from './plan.ts';

test('seeds are one, a span or a list', () => {
  expect(parseSeeds('7')).toEqual([7]);
  expect(parseSeeds('3..5')).toEqual([3, 4, 5]);
  expect(parseSeeds('1,9')).toEqual([1, 9]);
  expect(() => parseSeeds('5..3')).toThrow(/from the lower to the higher/);
  expect(() => parseSeeds('some')).toThrow(/a number/);
});

test('a script plays one seed, and an option that is none is named', () => {
  expect(() => parseOptions(['--script', 'steps.json', '--seeds', '1..2'])).toThrow(/name one seed/);
  expect(() => parseOptions(['--profile', 'rude'])).toThrow(/calm, flaky, hostile/);
  expect(() => parseOptions(['--sessions', '0'])).toThrow(/--sessions 0/);
});

test('without a profile three seeds have all three', () => {
  expect(new Set([1, 2, 3].map((seed) => profileOf(seed, null)))).toEqual(
    new Set(['calm', 'flaky', 'hostile']),
  );
});

test('a seed plans the same sessions and mishaps each time, and no name twice', () => {
  const plans = () => Array.from({ length: 200 }, (_, index) => launchesOf(4, index)).flat();
  expect(plans()).toEqual(plans());
  const names = plans().map(({ session }) => session);
  expect(new Set(names).size).toBe(names.length);
  const run = { seconds: 600, suspendSeconds: 20, profile: 'flaky', temporal: 'development' } as const;
  expect(mishapsOf(4, run)).toEqual(mishapsOf(4, run));
  expect(new Set(mishapsOf(4, run).map(({ mishap }) => mishap.do))).toEqual(
    new Set(['kill', 'suspend', 'terminate-ledger', 'fault']),
  );
  const meddled = plans().flatMap(({ meddling }) => (meddling === null ? [] : [meddling.do]));
  expect(new Set(meddled)).toEqual(new Set(['terminate', 'cancel', 'reset']));
});

test('on PostgreSQL the database is killed too, and everything else goes wrong as it does without', () => {
  const run = { seconds: 900, suspendSeconds: 20, profile: 'flaky' } as const;
  const without = mishapsOf(4, { ...run, temporal: 'development' });
  const isOfPostgres = ({ mishap }: Step) => mishap.do === 'kill' && mishap.what === 'postgres';
  const steps = mishapsOf(4, { ...run, temporal: parseOptions(['--temporal', 'postgres']).temporal });
  expect(steps.filter(isOfPostgres).length).toBeGreaterThanOrEqual(3);
  expect(steps.filter((step) => !isOfPostgres(step))).toEqual(without);
  expect(parseOptions([]).temporal).toBe('development');
  expect(() => parseOptions(['--temporal', 'mysql'])).toThrow(/development, postgres/);
});

test('workers are killed at each moment of every call that this product makes', () => {
  const points = crashPointsOf(ROOT).map(nameOf);
  for (const call of ['search', 'create', 'list', 'show', 'destroy', 'logs', 'user', 'charges']) {
    for (const moment of ['before', 'after', 'replied']) expect(points).toContain(`${call} ${moment}`);
  }
});
