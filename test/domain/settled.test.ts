import { describe, expect, test } from 'vitest';
import { projectedBreachMs, withAlerts, withoutPassedAlerts } from '../../src/domain/budget-outlook.ts';
import {
  carriedLedger,
  close,
  configure,
  emptyLedger,
  grant,
  type LedgerState,
  periodEnd,
  rebuild,
  reserve,
  rollPeriod,
  spendGrant,
} from '../../src/domain/ledger.ts';
import { correct } from '../../src/domain/settled.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 2, 10, 12);
const A = 'ownerowner:a:runrunrun1';
const B = 'ownerowner:b:runrunrun2';

function aLedger(set: Partial<LedgerState> = {}): LedgerState {
  return { ...emptyLedger('ownerowner', NOW_MS), limitUsd: 10, period: 'none', isRebuilt: true, ...set };
}

/** One attempt at $2/h since `NOW_MS`, its create taken up. */
function burning(state: LedgerState): LedgerState {
  const want = { key: A, session: 'a', attempt: 1, capUsd: 4, machineId: 501, usdPerHour: 2, nowMs: NOW_MS };
  return spendGrant(grant(reserve(state, want).state, want).state, want).state;
}

describe('correcting what closed sessions cost', () => {
  test('a correction replaces what was booked, however often it is sent', () => {
    const closed = close(burning(aLedger()), { key: A, usd: 1, nowMs: NOW_MS + HOUR_MS });
    const order = { corrections: [{ key: A, usd: 1.5 }], nowMs: NOW_MS + 2 * HOUR_MS };
    const once = correct(closed, order);
    expect(once.spentUsd).toBe(1.5);
    expect(correct(once, order)).toEqual(once);
    expect(correct(once, { ...order, corrections: [{ key: A, usd: 0.5 }] }).spentUsd).toBe(0.5);
  });

  test('a session the ledger never heard of is added, and its own late word replaces that', () => {
    const added = correct(aLedger(), { corrections: [{ key: B, usd: 0.7 }], nowMs: NOW_MS });
    expect(added.spentUsd).toBe(0.7);
    expect(close(added, { key: B, usd: 0.8, nowMs: NOW_MS }).spentUsd).toBeCloseTo(0.8, 12);
  });

  test('an open session keeps its reservation, and no sum that is no money is taken', () => {
    const open = burning(aLedger());
    expect(correct(open, { corrections: [{ key: A, usd: 3 }], nowMs: NOW_MS })).toEqual(open);
    for (const usd of [Number.NaN, -1, Number.POSITIVE_INFINITY])
      expect(correct(aLedger(), { corrections: [{ key: B, usd }], nowMs: NOW_MS })).toEqual(aLedger());
  });

  test('a session of an earlier period is corrected without touching this one', () => {
    const closed = close(aLedger({ period: '1d', periodStartMs: NOW_MS }), { key: A, usd: 1, nowMs: NOW_MS });
    const next = rollPeriod(closed, NOW_MS + 25 * HOUR_MS);
    const corrected = correct(next, { corrections: [{ key: A, usd: 2 }], nowMs: NOW_MS + 25 * HOUR_MS });
    expect(corrected.spentUsd).toBe(0);
    expect(corrected.settled[A]?.usd).toBe(2);
  });

  test('the memory is bounded, and the ledger knows from when on it is whole', () => {
    let state = aLedger({ settledSinceMs: 0 });
    const settled = Object.fromEntries(
      Array.from({ length: 2_001 }, (_, at) => [`old-${at}`, { usd: 0.001, atMs: NOW_MS + at }]),
    );
    state = close({ ...state, settled }, { key: A, usd: 1, nowMs: NOW_MS + DAY_MS });
    expect(Object.keys(state.settled)).toHaveLength(2_000);
    expect(state.settled[A]?.usd).toBe(1);
    expect(state.settled['old-1']).toBeUndefined();
    expect(state.settledSinceMs).toBe(NOW_MS + 1);
  });

  test('a ledger built anew knows what it was told by session, and counts none of it twice', () => {
    const anew = close(aLedger({ isRebuilt: false }), { key: A, usd: 1, nowMs: NOW_MS });
    const settled = { [A]: { usd: 0.9, atMs: NOW_MS }, [B]: { usd: 0.4, atMs: NOW_MS - HOUR_MS } };
    const rebuilt = rebuild(anew, { spentUsd: 1.3, open: [], settled, sinceMs: NOW_MS - DAY_MS });
    expect(rebuilt.spentUsd).toBeCloseTo(1.4, 12);
    expect(rebuilt.settledSinceMs).toBe(NOW_MS - DAY_MS);
  });

  test('a state of an older version is carried on with what it did not have', () => {
    const {
      settled: _,
      settledSinceMs: __,
      alerts: ___,
      alertsFired: ____,
      ...old
    } = aLedger({ spentUsd: 3 });
    expect(carriedLedger(old, NOW_MS)).toEqual(aLedger({ spentUsd: 3 }));
  });
});

describe('alerts', () => {
  test('each threshold fires once, with the moment, by what is spent and booked so far', () => {
    const open = burning(aLedger());
    expect(withAlerts(open, NOW_MS + 2 * HOUR_MS).alerts).toEqual([]);
    const half = withAlerts(open, NOW_MS + 2.5 * HOUR_MS);
    expect(half.alerts).toEqual([{ percent: 50, atMs: NOW_MS + 2.5 * HOUR_MS }]);
    expect(withAlerts(half, NOW_MS + 3 * HOUR_MS)).toBe(half);
    const all = withAlerts({ ...half, spentUsd: 10 }, NOW_MS + 3 * HOUR_MS);
    expect(all.alerts.map(({ percent }) => percent)).toEqual([50, 80, 100]);
    expect(all.alertsFired).toBe(3);
  });

  test('a new period starts without alerts, a raised limit takes back those it is above', () => {
    const spent = withAlerts(aLedger({ period: '1d', periodStartMs: NOW_MS, spentUsd: 9 }), NOW_MS);
    expect(rollPeriod(spent, NOW_MS + DAY_MS)).toMatchObject({ alerts: [], alertsFired: 2, spentUsd: 0 });
    const raised = configure(spent, { limitUsd: 15, period: '1d', nowMs: NOW_MS });
    expect(withoutPassedAlerts(raised, NOW_MS).alerts.map(({ percent }) => percent)).toEqual([50]);
  });
});

describe('the projected breach', () => {
  const at = (state: LedgerState) =>
    projectedBreachMs(state, { nowMs: NOW_MS + HOUR_MS, periodEndMs: periodEnd(state) });

  test.each([
    ['none', NOW_MS, NOW_MS + 5 * HOUR_MS],
    ['30d', NOW_MS, NOW_MS + 5 * HOUR_MS],
    ['month', Date.UTC(2026, 2, 1), NOW_MS + 5 * HOUR_MS],
    ['1d', NOW_MS - 20 * HOUR_MS, null],
  ])('with period %s that began at %d', (period, periodStartMs, breachMs) => {
    expect(at(burning(aLedger({ period, periodStartMs })))).toBe(breachMs);
  });

  test('nothing burns, nothing is breached; what is breached already is so now', () => {
    expect(at(aLedger())).toBeNull();
    expect(at(burning(aLedger({ spentUsd: 6 })))).toBe(NOW_MS + 2 * HOUR_MS);
    expect(at({ ...burning(aLedger()), spentUsd: 11 })).toBe(NOW_MS + HOUR_MS);
  });
});
