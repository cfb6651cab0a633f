import { describe, expect, test } from 'vitest';
import type { Spending } from '../../src/domain/budget.ts';
import { nextAlertMs, withAlerts } from '../../src/domain/budget-outlook.ts';
import {
  configure,
  emptyLedger,
  grant,
  type LedgerState,
  rebuild,
  reserve,
  spendGrant,
} from '../../src/domain/ledger.ts';
import { type Delivery, type NotificationKind, stateOf, targetsOf } from '../../src/domain/notification.ts';
import {
  dueThreshold,
  type Money,
  nextThresholdMs,
  projectedBreach,
} from '../../src/domain/notification-due.ts';

const NOW_MS = Date.UTC(2026, 6, 1, 12);
const HOUR_MS = 3_600_000;

/** A budget of $2 at $0.40/h, of which six minutes are kept back. */
function money(spentUsd: number, set: Partial<Spending> = {}, told: NotificationKind[] = []): Money {
  const spending = { budgetUsd: 2, spentUsd, burnUsdPerHour: 0.4, marginMs: 360_000, ...set };
  return { spending, nowMs: NOW_MS, keptUntilMs: NOW_MS + HOUR_MS, told };
}

describe('a threshold of a session', () => {
  test.each([
    [0.99, null],
    [1, 50],
    [1.59, 50],
    [1.6, 80],
    [1.959, 80],
    [1.96, 100],
    [2.5, 100],
  ])('at $%d of $2 is %s', (spentUsd, percent) => {
    expect(dueThreshold(money(spentUsd))).toBe(percent);
  });

  test('is told once, and not after a higher one', () => {
    expect(dueThreshold(money(1.2, {}, ['budget-50']))).toBeNull();
    expect(dueThreshold(money(1.7, {}, ['budget-50']))).toBe(80);
    expect(dueThreshold(money(1.7, {}, ['budget-100']))).toBeNull();
  });

  test('is not reached by a margin alone, while nothing burns', () => {
    expect(dueThreshold(money(1.99, { burnUsdPerHour: 0 }))).toBe(80);
  });

  test('comes when the dollars that are missing are burnt', () => {
    expect(nextThresholdMs(money(0.8))).toBeCloseTo(NOW_MS + HOUR_MS / 2, -2);
    expect(nextThresholdMs(money(1.2, {}, ['budget-50']))).toBeCloseTo(NOW_MS + HOUR_MS, -2);
    expect(nextThresholdMs(money(1.7, {}, ['budget-80']))).toBeNull();
    expect(nextThresholdMs(money(0.5, { burnUsdPerHour: 0 }))).toBeNull();
  });
});

describe('a breach is projected', () => {
  test('when the budget ends the session before it would end by itself', () => {
    expect(projectedBreach(money(1.7))).toBe(NOW_MS + (0.3 / 0.4) * HOUR_MS - 360_000);
  });

  test('neither when it lasts until then, nor while nothing serves', () => {
    expect(projectedBreach(money(1.5))).toBeNull();
    expect(projectedBreach({ ...money(1.7), keptUntilMs: null })).toBeNull();
    expect(projectedBreach(money(1.7, { burnUsdPerHour: 0 }))).toBeNull();
  });
});

describe('the budget of all sessions', () => {
  const key = 'owner:one:run';

  /** $1/h of $10, since `NOW_MS`. */
  function burning(notify: LedgerState['notify']): LedgerState {
    const settings = { limitUsd: 10, period: 'month', notify, nowMs: NOW_MS };
    let state = rebuild(configure(emptyLedger('ownerowner', NOW_MS), settings), { spentUsd: 0, open: [] });
    state = reserve(state, { key, session: 'one', capUsd: 10, nowMs: NOW_MS }).state;
    state = grant(state, { key, attempt: 1, machineId: 1, usdPerHour: 1, nowMs: NOW_MS }).state;
    return spendGrant(state, { key, attempt: 1, nowMs: NOW_MS }).state;
  }

  test('is told with the numbers of the moment at which it was noticed', () => {
    const [first, ...more] = withAlerts(burning(['webhook']), NOW_MS + 6 * HOUR_MS).untold;
    expect(more).toEqual([]);
    expect(first).toEqual({
      percent: 50,
      atMs: NOW_MS + 6 * HOUR_MS,
      spentUsd: 6,
      limitUsd: 10,
      burnUsdPerHour: 1,
      periodStartMs: Date.UTC(2026, 6, 1),
      periodEndMs: Date.UTC(2026, 7, 1),
    });
  });

  test('is kept for nobody where nobody is told', () => {
    const { untold, alerts } = withAlerts(burning([]), NOW_MS + 6 * HOUR_MS);
    expect(untold).toEqual([]);
    expect(alerts).toHaveLength(1);
  });

  test('is due next when the dollars that are missing are burnt', () => {
    const state = burning(['webhook']);
    expect(nextAlertMs(state, NOW_MS)).toBe(NOW_MS + 5 * HOUR_MS);
    const alerted = withAlerts(state, NOW_MS + 6 * HOUR_MS);
    expect(nextAlertMs(alerted, NOW_MS + 6 * HOUR_MS)).toBe(NOW_MS + 8 * HOUR_MS);
    expect(nextAlertMs(withAlerts(state, NOW_MS + 11 * HOUR_MS), NOW_MS + 11 * HOUR_MS)).toBeNull();
    expect(nextAlertMs(emptyLedger('ownerowner', NOW_MS), NOW_MS)).toBeNull();
  });
});

test('notifications go where an address is set', () => {
  expect(targetsOf({})).toEqual([]);
  expect(targetsOf({ LEASH_WEBHOOK_URL: 'https://a.example' })).toEqual(['webhook']);
  expect(targetsOf({ LEASH_SLACK_WEBHOOK_URL: 'https://b.example' })).toEqual(['slack']);
});

test.each([
  [['delivered', 'delivered'], 'delivered'],
  [['delivered', 'pending'], 'pending'],
  [['failed', 'pending'], 'failed'],
] as const)('targets that are %s make a notification %s', (states, state) => {
  const deliveries: Delivery[] = states.map((one) => ({ target: 'webhook', state: one, detail: '' }));
  expect(stateOf(deliveries)).toBe(state);
});
