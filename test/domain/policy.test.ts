import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { policyOf } from '../../src/domain/policy.ts';

test('every setting reaches the session in milliseconds', () => {
  const policy = policyOf(
    parseConfig({
      VASTAI_MAX_STARTUP_TIME_MINUTES: '1.5',
      LEASH_MAX_ATTEMPTS: '4',
      LEASH_LAUNCH_MINUTES: '7',
      LEASH_SETTLE_SECONDS: '61',
      LEASH_SLICE_MINUTES: '0.5',
      LEASH_METER_SECONDS: '11',
      LEASH_TEARDOWN_MARGIN_SECONDS: '12',
      LEASH_DRAIN_SECONDS: '0',
      LEASH_GUARD_MINUTES: '2',
      VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '20',
      VASTAI_AUTO_DESTROY_ON_ERROR: 'false',
      VASTAI_SEARCH_TIMEOUT_SECONDS: '9',
      VASTAI_MAX_SEARCH_RETRIES: '0',
    }),
  );
  expect(policy).toMatchObject({
    maxStartupMs: 90_000,
    maxAttempts: 4,
    launchMs: 420_000,
    settleMs: 61_000,
    sliceMs: 30_000,
    meterMs: 11_000,
    teardownMarginMs: 12_000,
    drainMs: 0,
    guardMs: 120_000,
    healthIntervalMs: 20_000,
    autoDestroyOnError: false,
    searchTimeoutMs: 9_000,
    searchRetriesMax: 0,
  });
});

test('by default a session looks, waits and gives back as the real market needs it', () => {
  expect(policyOf(parseConfig({}))).toMatchObject({
    maxStartupMs: 15 * 60_000,
    maxAttempts: 10,
    launchMs: 3_600_000,
    settleMs: 60_000,
    sliceMs: 2 * 3_600_000,
    meterMs: 300_000,
    teardownMarginMs: 360_000,
    drainMs: 30_000,
    guardMs: 15 * 60_000,
    temporalSilenceMs: 120_000,
    bootLookMs: 5_000,
    absenceGapMs: 5_000,
    lostGapMs: 30_000,
    heartbeatMs: 15_000,
    heartbeatTimeoutMs: 45_000,
  });
});

test.each(['0.05', '1', '60', '3600'])(
  'a look every %s s neither floods the list nor outlasts the heartbeat',
  (text) => {
    const policy = policyOf(
      parseConfig({ VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: text, LEASH_GUARD_MINUTES: '180' }),
    );
    expect(policy.bootLookMs).toBeGreaterThanOrEqual(1_000);
    expect(policy.bootLookMs).toBeLessThanOrEqual(5_000);
    expect(policy.absenceGapMs).toBeGreaterThanOrEqual(5_000);
    expect(policy.heartbeatTimeoutMs).toBe(45_000);
    expect(policy.lostGapMs).toBeLessThanOrEqual(30_000);
  },
);
