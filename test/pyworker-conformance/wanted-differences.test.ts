import { describe, expect, test } from 'vitest';
import { CASES } from './cases.ts';
import { judge, WANTED_DIFFERENCES } from './wanted-differences.ts';

const NAMES = Object.values(CASES).flatMap((cases) => cases.map(({ name }) => name));

describe('the list of wanted differences', () => {
  test('there are sixty cases and more, each with a name of its own', () => {
    expect(NAMES.length).toBeGreaterThanOrEqual(60);
    expect(NAMES.filter((name, index) => NAMES.indexOf(name) !== index)).toEqual([]);
  });

  test('it names only cases that there are', () => {
    const named = WANTED_DIFFERENCES.flatMap(({ cases }) => (cases === 'any' ? [] : cases));
    expect(named.filter((name) => !NAMES.includes(name))).toEqual([]);
  });

  test('a difference that it does not name is told', () => {
    const difference = { at: 'seen.status', official: 200, ours: 500 };
    expect(judge('an unknown route', [difference])).toEqual({ unlisted: [difference], untrue: [] });
  });

  test('a difference that it names and that is gone is told', () => {
    const [listed] = WANTED_DIFFERENCES.filter(({ cases }) => cases !== 'any');
    const name = listed?.cases[0] ?? '';
    expect(judge(name, []).untrue).toContain(listed?.why);
  });
});
