import { expect, test } from 'vitest';
import { idleView, type SessionView } from '../../src/domain/session.ts';
import { forecastOf } from '../../src/domain/session-forecast.ts';

const HOUR_MS = 3_600_000;
const ready: SessionView = {
  ...idleView('default'),
  state: 'READY',
  usdPerHour: 0.5,
  keepAliveUntilMs: 2 * HOUR_MS,
  lifetimeUntilMs: 24 * HOUR_MS,
  budget: { limitUsd: 2, spentUsd: 0.25, reservedUsd: 1.75, projectedBreachAtMs: 3.5 * HOUR_MS },
};

test('a session that nobody uses any more costs its price until its keep-alive is over', () => {
  expect(forecastOf(ready, 0)).toEqual({
    usdPerHour: 0.5,
    budgetUsd: 2,
    projectedBreachAtMs: 3.5 * HOUR_MS,
    totalUsd: 1.25,
  });
});

test('it ends with its lifetime, and costs no more than its budget', () => {
  expect(forecastOf({ ...ready, lifetimeUntilMs: HOUR_MS }, 0).totalUsd).toBe(0.75);
  expect(forecastOf({ ...ready, keepAliveUntilMs: 20 * HOUR_MS }, 0).totalUsd).toBe(2);
  expect(forecastOf(ready, 5 * HOUR_MS).totalUsd).toBe(0.25);
});

test('nothing is said before it is READY, and what it came to once it has ended', () => {
  expect(forecastOf({ ...ready, state: 'BOOTING', keepAliveUntilMs: null }, 0).totalUsd).toBeNull();
  const usd = { gpu: 0.3, storage: 0, bandwidth: 0, total: 0.3 };
  const receipt = {
    ...({ session: 'default', run: 'r', outcome: 'completed', reason: 'idle', final: true } as const),
    ...{ startedAtMs: 0, readyAtMs: 0, endedAtMs: 1, forecastUsd: null, providerUsd: null },
    ...{ usd, attempts: [], instances: [] },
  };
  expect(forecastOf({ ...ready, state: 'IDLE', receipt }, 0)).toMatchObject({ usdPerHour: 0, totalUsd: 0.3 });
});
