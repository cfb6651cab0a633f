import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  configure,
  emptyLedger,
  type LedgerState,
  lookBackStart,
  numbersOf,
  periodEnd,
  periodStart,
  rebuild,
  reserve,
  rollPeriod,
} from '../../src/domain/ledger.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 2, 10, 12);

function aLedgerOf(period: string, set: Partial<LedgerState> = {}): LedgerState {
  const fresh = configure(emptyLedger('ownerowner', NOW_MS), { limitUsd: 10, period, nowMs: NOW_MS });
  return { ...rebuild(fresh, { spentUsd: 4, open: [] }), ...set };
}

describe('a period that ends', () => {
  test('a month is a calendar month in UTC', () => {
    expect(periodStart('month', 0, Date.UTC(2026, 1, 28, 23, 59, 59, 999))).toBe(Date.UTC(2026, 1, 1));
    expect(periodStart('month', 0, Date.UTC(2026, 2, 1))).toBe(Date.UTC(2026, 2, 1));
    expect(periodEnd({ period: 'month', periodStartMs: Date.UTC(2026, 11, 1) })).toBe(Date.UTC(2027, 0, 1));
  });

  test('spending starts from zero, what is reserved stays reserved', () => {
    const state = reserve(aLedgerOf('month'), { key: 'a', session: 'a', capUsd: 3, nowMs: NOW_MS }).state;
    expect(numbersOf(rollPeriod(state, Date.UTC(2026, 3, 1)))).toEqual({
      limitUsd: 10,
      spentUsd: 0,
      reservedUsd: 3,
    });
  });

  test('a clock that goes back a month gives no money back', () => {
    const state = aLedgerOf('month');
    expect(rollPeriod(state, NOW_MS - 40 * DAY_MS)).toBe(state);
  });

  test('`none` never ends', () => {
    const state = aLedgerOf('none');
    expect(periodEnd(state)).toBeNull();
    expect(rollPeriod(state, NOW_MS + 5_000 * DAY_MS)).toBe(state);
  });

  test('a limit told anew in the same period forgets nothing spent; nor does another period', () => {
    const state = aLedgerOf('7d');
    expect(configure(state, { limitUsd: 20, period: '7d', nowMs: NOW_MS + DAY_MS }).spentUsd).toBe(4);
    expect(configure(state, { limitUsd: 20, period: 'month', nowMs: NOW_MS + DAY_MS }).spentUsd).toBe(4);
  });

  test('it rolls once, at its end, however often it is asked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.array(fc.integer({ min: 0, max: 3 * DAY_MS }), { maxLength: 40 }),
        (days, waits) => {
          let state = aLedgerOf(`${days}d`);
          let nowMs = NOW_MS;
          for (const ms of waits) {
            nowMs += ms;
            const endMs = periodEnd(state) ?? Number.NaN;
            const rolled = rollPeriod(state, nowMs);
            if (nowMs < endMs) expect(rolled).toBe(state);
            else expect(rolled.spentUsd).toBe(0);
            expect(rollPeriod(rolled, nowMs)).toBe(rolled);
            expect(rolled.periodStartMs).toBeLessThanOrEqual(nowMs);
            expect((rolled.periodStartMs - NOW_MS) % (days * DAY_MS)).toBe(0);
            state = { ...rolled, spentUsd: rolled.spentUsd + 1 };
          }
        },
      ),
    );
  });
});

describe('a ledger that starts anew', () => {
  test('reads back the month that runs, or the whole length of a period whose start was lost', () => {
    expect(lookBackStart('month', NOW_MS)).toBe(Date.UTC(2026, 2, 1));
    expect(lookBackStart('30d', NOW_MS)).toBe(NOW_MS - 30 * DAY_MS);
    expect(lookBackStart('none', NOW_MS)).toBeNull();
  });

  test('never reads back less than any period that can be running', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(2_000 * DAY_MS), (days, ranMs) => {
        const startedMs = periodStart(`${days}d`, NOW_MS - ranMs, NOW_MS);
        expect(lookBackStart(`${days}d`, NOW_MS)).toBeLessThanOrEqual(startedMs);
      }),
    );
  });
});
