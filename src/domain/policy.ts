import { type NotificationTarget, type TargetSettings, targetsOf } from './notification.ts';

/**
 * Every duration and limit a session runs by, fixed at its start: a setting changed later never changes a
 * running session's replay. Milliseconds and dollars.
 */
export type Policy = {
  readonly maxStartupMs: number;
  /** Share of the computed boot time to reckon with: below 1 on a market whose machines boot faster. */
  readonly bootTimeFactor: number;
  readonly maxAttempts: number;
  readonly launchMs: number;
  readonly settleMs: number;
  readonly sliceMs: number;
  readonly meterMs: number;
  readonly teardownMarginMs: number;
  readonly drainMs: number;
  /** Absent in sessions of 0.1.0, whose instances speak plain HTTP. */
  readonly instanceTls?: boolean;
  readonly healthIntervalMs: number;
  /** How long an instance's guard lets its lease go without renewal; 0: no guard. Absent in sessions older than it. */
  readonly guardMs?: number;
  /** Supervision renews no lease once Temporal has been silent to its process for so long. */
  readonly temporalSilenceMs?: number;
  readonly autoDestroyOnError: boolean;
  readonly searchTimeoutMs: number;
  readonly searchRetriesMax: number;
  /** Time between two empty searches. */
  readonly searchPauseMs: number;
  /** How often a booting instance is looked at. */
  readonly bootLookMs: number;
  /** Least time between the two looks that must both say gone. */
  readonly absenceGapMs: number;
  /** How long a missing port map may lag behind `running`. */
  readonly portGraceMs: number;
  /** Heartbeat time-out of everything that watches, and how often it beats. */
  readonly heartbeatTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Time between two looks that must both say a READY instance is lost. */
  readonly lostGapMs: number;
  /** History length at which a READY session continues as new even before the server suggests it; for tests. */
  readonly historyEventsMax: number | null;
  /** Whom people's notifications go to; nobody in sessions older than them. */
  readonly notify?: readonly NotificationTarget[];
};

export type PolicySettings = TargetSettings & {
  readonly VASTAI_MAX_STARTUP_TIME_MINUTES: number;
  readonly LEASH_MAX_ATTEMPTS: number;
  readonly LEASH_LAUNCH_MINUTES: number;
  readonly LEASH_SETTLE_SECONDS: number;
  readonly LEASH_SLICE_MINUTES: number;
  readonly LEASH_METER_SECONDS: number;
  readonly LEASH_TEARDOWN_MARGIN_SECONDS: number;
  readonly LEASH_DRAIN_SECONDS: number;
  readonly LEASH_INSTANCE_TLS: boolean;
  readonly VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: number;
  readonly LEASH_GUARD_MINUTES: number;
  readonly VASTAI_AUTO_DESTROY_ON_ERROR: boolean;
  readonly VASTAI_SEARCH_TIMEOUT_SECONDS: number;
  readonly VASTAI_MAX_SEARCH_RETRIES: number;
};

const SECOND = 1_000;
const MINUTE = 60_000;

/** The policy that settings come to; what no setting names has the value that suits the real market. */
export function policyOf(settings: PolicySettings): Policy {
  const healthIntervalMs = settings.VASTAI_HEALTH_CHECK_INTERVAL_SECONDS * SECOND;
  return {
    maxStartupMs: settings.VASTAI_MAX_STARTUP_TIME_MINUTES * MINUTE,
    bootTimeFactor: 1,
    maxAttempts: settings.LEASH_MAX_ATTEMPTS,
    launchMs: settings.LEASH_LAUNCH_MINUTES * MINUTE,
    settleMs: settings.LEASH_SETTLE_SECONDS * SECOND,
    sliceMs: settings.LEASH_SLICE_MINUTES * MINUTE,
    meterMs: settings.LEASH_METER_SECONDS * SECOND,
    teardownMarginMs: settings.LEASH_TEARDOWN_MARGIN_SECONDS * SECOND,
    drainMs: settings.LEASH_DRAIN_SECONDS * SECOND,
    instanceTls: settings.LEASH_INSTANCE_TLS,
    healthIntervalMs,
    guardMs: settings.LEASH_GUARD_MINUTES * MINUTE,
    temporalSilenceMs: TEMPORAL_SILENCE_MS,
    autoDestroyOnError: settings.VASTAI_AUTO_DESTROY_ON_ERROR,
    searchTimeoutMs: settings.VASTAI_SEARCH_TIMEOUT_SECONDS * SECOND,
    searchRetriesMax: settings.VASTAI_MAX_SEARCH_RETRIES,
    searchPauseMs: Math.min(30 * SECOND, Math.max(SECOND, healthIntervalMs / 2)),
    // Boot and loss are looked at as often as health is, within what the list call allows.
    bootLookMs: Math.min(5 * SECOND, Math.max(SECOND, healthIntervalMs / 12)),
    absenceGapMs: 5 * SECOND,
    portGraceMs: Math.min(30 * SECOND, Math.max(5 * SECOND, healthIntervalMs / 2)),
    heartbeatTimeoutMs: 45 * SECOND,
    heartbeatMs: 15 * SECOND,
    lostGapMs: Math.min(30 * SECOND, Math.max(2 * SECOND, healthIntervalMs / 2)),
    historyEventsMax: null,
    notify: targetsOf(settings),
  };
}

/** For sessions opened before it was part of their policy, too. */
export const TEMPORAL_SILENCE_MS = 2 * MINUTE;

/** How much later than its own end a label expires: room for the queue of creates and for teardown. */
export const LABEL_QUEUE_MS = 15 * MINUTE;
