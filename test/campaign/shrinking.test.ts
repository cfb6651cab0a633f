import { expect, test } from 'vitest';
import { shrink } from './shrinking.ts';

const always = () => true;
const holding =
  (...culprits: number[]) =>
  async (some: readonly number[]) =>
    culprits.every((culprit) => some.includes(culprit));
const hundred = Array.from({ length: 100 }, (_, index) => index);

test('of a hundred mishaps the two that break it together are left', async () => {
  expect(await shrink(hundred, holding(17, 80), always)).toEqual([17, 80]);
});

test('what breaks without any mishap needs none', async () => {
  expect(await shrink(hundred, async () => true, always)).toEqual([]);
});

test('what breaks only once keeps all of its mishaps', async () => {
  expect(await shrink(hundred, async () => false, always)).toEqual(hundred);
});

test('when its time is over, what was found so far is left, and it still breaks', async () => {
  let tries = 0;
  const breaks = holding(17, 80);
  const left = await shrink(
    hundred,
    (some) => {
      tries += 1;
      return breaks(some);
    },
    () => tries < 6,
  );
  expect(tries).toBe(6);
  expect(left.length).toBeLessThan(100);
  expect(await breaks(left)).toBe(true);
});
