import { expect, test } from 'vitest';
import { type ForecastSpan, forecastOf } from '../../src/domain/forecast.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Looks cost no time here, and billing ends with the DELETE. */
function aSpan(set: Partial<ForecastSpan> = {}): ForecastSpan {
  const policy = { bootLookMs: 0, healthIntervalMs: 0, bootTimeFactor: 0 };
  return { keepAliveMs: HOUR_MS, hedge: 1, policy, ...set };
}

const prices = { gpuUsdPerHour: 0.6, storageUsdPerHour: 0.06, trafficUsd: 0.05 };
const boot = { bootMsExpected: 10 * MINUTE_MS, pullMsExpected: 6 * MINUTE_MS };

test('the GPU is not counted while the image is pulled, the disk is', () => {
  const forecast = forecastOf({ ...prices, ...boot }, aSpan());
  expect(forecast.gpuUsd).toBeCloseTo(0.6 * (64 / 60), 9);
  expect(forecast.storageUsd).toBeCloseTo(0.06 * (70 / 60), 9);
  expect(forecast.totalUsd).toBeCloseTo(forecast.gpuUsd + forecast.storageUsd + 0.05, 9);
  expect(forecast.readyMs).toBe(10 * MINUTE_MS);
});

test('what is spent at READY is the download, the disk so far and the GPU since it runs', () => {
  const { atReadyUsd } = forecastOf({ ...prices, ...boot }, aSpan());
  expect(atReadyUsd).toBeCloseTo(0.6 * (4 / 60) + 0.06 * (10 / 60) + 0.05, 9);
});

test('the two minutes that billing runs on are part of it', () => {
  const policy = { bootLookMs: 0, healthIntervalMs: 0, bootTimeFactor: 1 };
  const without = forecastOf({ ...prices, ...boot }, aSpan());
  const withTail = forecastOf({ ...prices, ...boot }, aSpan({ policy }));
  expect(withTail.totalUsd - without.totalUsd).toBeCloseTo((0.66 * 2) / 60, 9);
});

test('looking rarely costs the half of an interval at READY and at the end', () => {
  const policy = { bootLookMs: MINUTE_MS, healthIntervalMs: 2 * MINUTE_MS, bootTimeFactor: 0 };
  const seldom = forecastOf({ ...prices, ...boot }, aSpan({ policy }));
  expect(seldom.readyMs).toBe(10.5 * MINUTE_MS);
  expect(seldom.totalUsd - forecastOf({ ...prices, ...boot }, aSpan()).totalUsd).toBeCloseTo(
    (0.66 * 1.5) / 60,
    9,
  );
});

test('a hedge boots and downloads on each host, and keeps one', () => {
  const one = forecastOf({ ...prices, ...boot }, aSpan());
  const two = forecastOf({ ...prices, ...boot }, aSpan({ hedge: 2 }));
  expect(two.trafficUsd).toBeCloseTo(2 * one.trafficUsd, 9);
  expect(two.totalUsd - one.totalUsd).toBeCloseTo(one.atReadyUsd, 9);
  expect(two.atReadyUsd).toBeCloseTo(2 * one.atReadyUsd, 9);
});
