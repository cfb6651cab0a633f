import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { budgetMoment } from '../../src/domain/budget.ts';
import { judgeExtension, type Keeping, keepAliveUntil } from '../../src/domain/keep-alive.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 2, 10, 12);

/** READY, kept for another half hour, with lifetime, label and budget to spare. */
function aKeeping(set: Partial<Keeping> = {}): Keeping {
  return {
    nowMs: NOW_MS,
    keepAliveUntilMs: NOW_MS + 30 * MINUTE_MS,
    lifetimeUntilMs: NOW_MS + 24 * HOUR_MS,
    labelExpiresAtMs: NOW_MS + 20 * HOUR_MS,
    isEnding: false,
    spending: { budgetUsd: 20, spentUsd: 1, burnUsdPerHour: 0.5, marginMs: 6 * MINUTE_MS },
    ...set,
  };
}

describe('an extension', () => {
  test('counts from when the session would have been idle', () => {
    expect(judgeExtension(aKeeping(), 15 * MINUTE_MS)).toEqual({
      kind: 'granted',
      keepAliveUntilMs: NOW_MS + 45 * MINUTE_MS,
    });
  });

  test('counts from now where that moment has passed or is not known', () => {
    for (const keepAliveUntilMs of [NOW_MS - HOUR_MS, null])
      expect(judgeExtension(aKeeping({ keepAliveUntilMs }), 15 * MINUTE_MS)).toEqual({
        kind: 'granted',
        keepAliveUntilMs: NOW_MS + 15 * MINUTE_MS,
      });
  });

  test('of a session that ends is refused, whatever else is wrong', () => {
    expect(judgeExtension(aKeeping({ isEnding: true }), -1)).toMatchObject({ problem: 'destroying' });
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('by %d is no extension', (additionalMs) => {
    expect(judgeExtension(aKeeping(), additionalMs)).toMatchObject({ kind: 'refused', problem: 'invalid' });
  });

  test('up to the lifetime is granted, beyond it refused with both moments', () => {
    const keeping = aKeeping({ lifetimeUntilMs: NOW_MS + HOUR_MS });
    expect(judgeExtension(keeping, 30 * MINUTE_MS).kind).toBe('granted');
    const refused = judgeExtension(keeping, 30 * MINUTE_MS + 1);
    expect(refused).toMatchObject({ kind: 'refused', problem: 'conflict' });
    expect(refused).toHaveProperty('detail', expect.stringContaining('2026-03-10T13:00:00.000Z'));
    expect(refused).toHaveProperty('detail', expect.stringContaining('2026-03-10T13:00:00.001Z'));
  });

  test('beyond the expiry in the label is refused with both moments', () => {
    const keeping = aKeeping({ labelExpiresAtMs: NOW_MS + HOUR_MS });
    expect(judgeExtension(keeping, 30 * MINUTE_MS).kind).toBe('granted');
    const refused = judgeExtension(keeping, 31 * MINUTE_MS);
    expect(refused).toMatchObject({ problem: 'conflict' });
    expect(refused).toHaveProperty('detail', expect.stringContaining('2026-03-10T13:01:00.000Z'));
    expect(refused).toHaveProperty('detail', expect.stringContaining('2026-03-10T13:00:00.000Z'));
  });

  test('that the budget does not carry is refused with the numbers', () => {
    const spending = { budgetUsd: 2, spentUsd: 1.5, burnUsdPerHour: 0.5, marginMs: 6 * MINUTE_MS };
    // 1.5 spent + (30 + 60 + 6 minutes) at 0.5 $/h = 2.3
    expect(judgeExtension(aKeeping({ spending }), HOUR_MS)).toEqual({
      kind: 'refused',
      problem: 'over-budget',
      detail: expect.stringMatching(/\$2\.30 .*\$1\.50 spent, \$0\.50\/h.*budget is \$2\.00/),
    });
  });

  test('is granted exactly while lifetime, label and budget all carry it, and its answer never throws', () => {
    const keeping = fc.record({
      keepAliveUntilMs: fc.option(fc.integer({ min: NOW_MS - HOUR_MS, max: NOW_MS + 10 * HOUR_MS })),
      lifetimeUntilMs: fc.integer({ min: NOW_MS, max: NOW_MS + 48 * HOUR_MS }),
      labelExpiresAtMs: fc.option(fc.integer({ min: NOW_MS, max: NOW_MS + 48 * HOUR_MS })),
      spending: fc.record({
        budgetUsd: fc.double({ min: 0.01, max: 20, noNaN: true }),
        spentUsd: fc.double({ min: 0, max: 20, noNaN: true }),
        burnUsdPerHour: fc.double({ min: 0.01, max: 5, noNaN: true }),
        marginMs: fc.integer({ min: 0, max: HOUR_MS }),
      }),
    });
    const additionalMs = fc.oneof(fc.integer({ min: 1, max: 48 * HOUR_MS }), fc.double());
    fc.assert(
      fc.property(keeping, additionalMs, (set, ms) => {
        const all = aKeeping(set);
        const answer = judgeExtension(all, ms);
        if (answer.kind === 'refused') return;
        const untilMs = answer.keepAliveUntilMs;
        expect(untilMs).toBeGreaterThanOrEqual(all.keepAliveUntilMs ?? 0);
        expect(untilMs).toBeLessThanOrEqual(all.lifetimeUntilMs);
        expect(untilMs).toBeLessThanOrEqual(all.labelExpiresAtMs ?? untilMs);
        expect(untilMs).toBeLessThanOrEqual((budgetMoment(all.spending, NOW_MS) ?? Number.NaN) + 10);
      }),
    );
  });

  test('typed by hand with far too many minutes is refused in words, as a signal that throws stops its session', () => {
    for (const additionalMs of [1e16, 1e300, Number.MAX_VALUE])
      expect(judgeExtension(aKeeping(), additionalMs)).toMatchObject({
        kind: 'refused',
        problem: 'conflict',
      });
  });
});

test('a session is idle after its last use and after what was granted, whichever is later', () => {
  const use = { lastUsedAtMs: 100, keepAliveMs: 50 };
  expect(keepAliveUntil({ ...use, keptUntilMs: 0 })).toBe(150);
  expect(keepAliveUntil({ ...use, keptUntilMs: 400 })).toBe(400);
});
