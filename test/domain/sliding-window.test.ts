import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlidingWindow } from '../../src/domain/sliding-window.ts';

const MINUTE = { spanMs: 60_000 };
const at = 1_772_370_000_000;

test('what fits is taken, what does not is told when it will, and then it does', () => {
  const window = new SlidingWindow({ limit: 3, ...MINUTE });
  for (const ms of [0, 10_000, 20_000]) expect(window.take(1, at + ms).isTaken).toBe(true);
  const refused = window.take(1, at + 30_000);
  expect(refused).toEqual({ isTaken: false, retryAfterMs: 31_000 });
  expect(window.take(1, at + 60_999).isTaken).toBe(false);
  expect(window.take(1, at + 61_000).isTaken).toBe(true);
  expect(window.take(4, at + 61_000)).toEqual({ isTaken: false, retryAfterMs: null });
});

test('a burst at the end of a minute is not followed by another at the beginning of the next', () => {
  const window = new SlidingWindow({ limit: 60, ...MINUTE });
  const border = Math.ceil(at / 60_000) * 60_000;
  const taken = (ms: number) => Array.from({ length: 100 }, () => window.take(1, ms).isTaken).filter(Boolean);
  expect(taken(border - 1)).toHaveLength(60);
  expect(taken(border + 1)).toHaveLength(0);
  expect(taken(border + 30_000)).toHaveLength(0);
  expect(taken(border + 61_000)).toHaveLength(60);
});

test('what was estimated too high is free at once; what was too low counts from when it is known', () => {
  const window = new SlidingWindow({ limit: 1_000, ...MINUTE });
  const taken = window.take(900, at);
  if (!taken.isTaken) throw new Error('refused');
  window.correct(taken.slice, -800, at + 5_000);
  expect(window.remaining(at + 5_000)).toBe(900);
  window.correct(taken.slice, 1_200, at + 5_000);
  expect(window.remaining(at + 5_000)).toBe(0);
  expect(window.take(1, at + 60_000).isTaken).toBe(false);
  expect(window.take(1, at + 67_000).isTaken).toBe(true);
});

test('a correction of what no longer counts changes nothing', () => {
  const window = new SlidingWindow({ limit: 10, ...MINUTE });
  const taken = window.take(10, at);
  if (!taken.isTaken) throw new Error('refused');
  window.correct(taken.slice, -10, at + 120_000);
  expect(window.remaining(at + 120_000)).toBe(10);
  expect(window.take(11, at + 120_000).isTaken).toBe(false);
});

test('no span of a minute ever holds more than the limit, and waiting as told always helps', () => {
  const steps = fc.array(
    fc.record({ amount: fc.integer({ min: 1, max: 40 }), waitMs: fc.integer({ min: 0, max: 25_000 }) }),
    { minLength: 1, maxLength: 120 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), steps, (limit, moves) => {
      const window = new SlidingWindow({ limit, ...MINUTE });
      const taken: { atMs: number; amount: number }[] = [];
      let nowMs = at;
      for (const { amount, waitMs } of moves) {
        nowMs += waitMs;
        let answer = window.take(amount, nowMs);
        if (!answer.isTaken && answer.retryAfterMs !== null) {
          expect(answer.retryAfterMs).toBeLessThanOrEqual(61_000);
          nowMs += answer.retryAfterMs;
          answer = window.take(amount, nowMs);
          expect(answer.isTaken).toBe(true);
        }
        expect(answer.isTaken).toBe(amount <= limit);
        if (answer.isTaken) taken.push({ atMs: nowMs, amount });
        const inSpan = taken.filter(({ atMs }) => atMs > nowMs - 60_000);
        expect(inSpan.reduce((sum, one) => sum + one.amount, 0)).toBeLessThanOrEqual(limit);
        expect(window.remaining(nowMs)).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
