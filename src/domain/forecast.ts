/**
 * What a session is expected to cost, part by part, and when it is READY. The plan shows it before a launch, the
 * receipt holds it against the bill afterwards: both come from here.
 */
import type { Policy } from './policy.ts';

/** What one offer asks, and how long it is expected to take. */
export type ForecastFacts = {
  readonly gpuUsdPerHour: number;
  readonly storageUsdPerHour: number;
  /** Download of image and weights. */
  readonly trafficUsd: number;
  /** Create to READY. */
  readonly bootMsExpected: number;
  /** Create to `running`: its part in which no GPU is billed. */
  readonly pullMsExpected: number;
};

/** How long a session is kept, and how late its end is noticed and billed. */
export type ForecastSpan = {
  readonly keepAliveMs: number;
  /** Hosts rented side by side until the first is READY. */
  readonly hedge: number;
  readonly policy: Pick<Policy, 'bootLookMs' | 'healthIntervalMs' | 'bootTimeFactor'>;
};

export type Forecast = {
  readonly gpuUsd: number;
  readonly storageUsd: number;
  readonly trafficUsd: number;
  readonly totalUsd: number;
  /** Of the total, what has been spent when it is READY. */
  readonly atReadyUsd: number;
  /** From create to READY. */
  readonly readyMs: number;
  /** From create to the end of billing, when nobody uses it. */
  readonly billedMs: number;
};

/** A session that nobody uses once it is READY; each use makes it longer by what lies before that use. */
export function forecastOf(facts: ForecastFacts, { keepAliveMs, hedge, policy }: ForecastSpan): Forecast {
  // A look finds what happened since the one before: half an interval late, on average.
  const readyMs = facts.bootMsExpected + policy.bootLookMs / 2;
  const loadMs = readyMs - facts.pullMsExpected;
  const tailMs = BILLING_TAIL_MS * policy.bootTimeFactor;
  const keptMs = keepAliveMs + policy.healthIntervalMs / 2;

  const losers = Math.max(0, hedge - 1);
  const gpuHours = hours(loadMs + keptMs + tailMs) + losers * hours(loadMs + tailMs);
  const storageHours = hours(readyMs + keptMs + tailMs) + losers * hours(readyMs + tailMs);
  const gpuUsd = facts.gpuUsdPerHour * gpuHours;
  const storageUsd = facts.storageUsdPerHour * storageHours;
  const trafficUsd = facts.trafficUsd * hedge;
  const eachAtReadyUsd =
    facts.gpuUsdPerHour * hours(loadMs) + facts.storageUsdPerHour * hours(readyMs) + facts.trafficUsd;
  return {
    gpuUsd,
    storageUsd,
    trafficUsd,
    totalUsd: gpuUsd + storageUsd + trafficUsd,
    atReadyUsd: eachAtReadyUsd * hedge,
    readyMs,
    billedMs: readyMs + keptMs + tailMs,
  };
}

/** Billing was seen to go on for two minutes after a DELETE, in the median (from −22 s to 290 s). */
const BILLING_TAIL_MS = 120_000;
const MS_PER_HOUR = 3_600_000;

function hours(ms: number): number {
  return ms / MS_PER_HOUR;
}
