import { metricMeter } from '@temporalio/workflow';
import type { Outcome } from '../domain/session.ts';

/**
 * What workflows tell Prometheus through Temporal's own meter: nothing while they are replayed, and no event of
 * their history. Names and buckets are known to `src/temporal/runtime.ts` and `ops/`.
 *
 * A counter that is first seen at one has not risen for Prometheus: so each begins at nought, before what it counts.
 */

/** How a launch can come out: READY, or the session's outcome without ever having been it. */
const LAUNCH_RESULTS = ['ready', 'launch-failed', 'over-budget', 'cancelled', 'completed'] as const;

/** A session begins: what may come of it is nought so far. */
export function openLaunchCounts(): void {
  for (const result of LAUNCH_RESULTS) launches().add(0, { result });
}

export function countReady(secondsFromLaunch: number): void {
  launches().add(1, { result: 'ready' });
  metricMeter
    .createHistogram(
      'leash_launch_ready_seconds',
      'float',
      undefined,
      'From launch to READY, all attempts together',
    )
    .record(Math.max(0, secondsFromLaunch));
}

/** One that was READY has been counted as a launch already. */
export function countEnd(outcome: Outcome, wasReady: boolean): void {
  if (!wasReady) launches().add(1, { result: outcome });
  metricMeter
    .createCounter('leash_sessions_ended', undefined, 'Sessions that have ended, by outcome')
    .add(1, { outcome });
}

/** `count` instances that nobody claimed, destroyed by whoever found them; nought makes the count known. */
export function countOrphans(by: 'reaper' | 'audit', count: number): void {
  metricMeter
    .createCounter(
      'leash_orphans_destroyed',
      undefined,
      'Instances of ours that no session claimed, destroyed, by who found them',
    )
    .add(count, { by });
}

function launches() {
  return metricMeter.createCounter(
    'leash_launches',
    undefined,
    'Launches that became READY, or ended before that, by how',
  );
}
