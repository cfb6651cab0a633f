import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { Policy } from '../domain/policy.ts';
import { TASK_QUEUES } from './ids.ts';

/**
 * How each kind of activity is called. Every one names its time-out, its retries and what a cancel does to it:
 * the SDK's default (TRY_CANCEL) would tear down beside a create that is still under way.
 */
type Summarised = { readonly summary: string };

const UNTIL_IT_WORKS = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '15 seconds',
} as const;

/** Short calls beat every four seconds: what a dead worker was at is taken up when three beats are missing. */
const ALIVE = '15 seconds';

/** One that is under way, and one that begins after it, of thousands of instances. */
const LISTS_TAKE = '20 minutes';

/** Money and short reads: repeated until they work; a started one is awaited. */
export function quick({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.sessions,
    startToCloseTimeout: '30 seconds',
    heartbeatTimeout: ALIVE,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: UNTIL_IT_WORKS,
    summary,
  });
}

/** By a complete list, which takes a second for 25 instances, or a question for each of a thousand: repeated until it works. */
export function listing({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.sessions,
    startToCloseTimeout: LISTS_TAKE,
    heartbeatTimeout: ALIVE,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: UNTIL_IT_WORKS,
    summary,
  });
}

/** Keeping a receipt: worth a minute. What could not be kept by then is kept by the next audit. */
export function keeping({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.sessions,
    startToCloseTimeout: '25 seconds',
    heartbeatTimeout: ALIVE,
    scheduleToCloseTimeout: '60 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: UNTIL_IT_WORKS,
    summary,
  });
}

/** Reading the books of weeks, page by page. The next run of its schedule makes up for one that failed. */
export function long({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.sessions,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '30 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { initialInterval: '5 seconds', backoffCoefficient: 3, maximumAttempts: 4 },
    summary,
  });
}

/** One read whose failure is an answer too. */
export function once({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.sessions,
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '60 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { maximumAttempts: 1 },
    summary,
  });
}

/** Searching may take a minute; it beats, so that a dead worker's search is taken up long before that. */
export function search({ summary, forMs }: Summarised & { forMs: number }) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.sessions,
    startToCloseTimeout: forMs + 15_000,
    heartbeatTimeout: '20 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: UNTIL_IT_WORKS,
    summary,
  });
}

/** A question of somebody who waits: over at its time, and asked again only when a worker died over it. */
export function question({ summary, forMs }: Summarised & { forMs: number }) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.sessions,
    scheduleToCloseTimeout: forMs,
    heartbeatTimeout: '20 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { maximumAttempts: 2 },
    summary,
  });
}

/** The one create of a label: never repeated, and awaited once it has started, so that its instance is known. */
export function create({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.create,
    startToCloseTimeout: '90 seconds',
    heartbeatTimeout: '20 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
    summary,
  });
}

type Watching = Summarised & { policy: Policy; forMs: number };

/** Watching: heartbeats, owns nothing, so nobody waits for it when it is cancelled. */
export function watch(watching: Watching) {
  return proxyActivities<Activities>(watchOptions(watching));
}

/** Watching that is over at its time, also where no worker takes it up: its phase must not outlast its deadline. */
export function watchToEnd(watching: Watching) {
  const options = watchOptions(watching);
  return proxyActivities<Activities>({ ...options, scheduleToCloseTimeout: options.startToCloseTimeout });
}

function watchOptions({ summary, policy, forMs }: Watching) {
  return {
    taskQueue: TASK_QUEUES.supervise,
    // Room past its own deadline, at which it answers by itself: the log is read then, and calls have queues.
    startToCloseTimeout: Math.max(1, forMs) + 120_000,
    heartbeatTimeout: policy.heartbeatTimeoutMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
    summary,
  } satisfies ActivityOptions;
}

/** Destroying: no limit of attempts or of time. What is given up here goes on billing. */
export function destroy({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.destroy,
    // Its turn may come late when a thousand are given back at once.
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: ALIVE,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '2 seconds', backoffCoefficient: 1.5, maximumInterval: '60 seconds' },
    summary,
  });
}

/** Seeing that it is gone: as patient as destroying. */
export function confirm({ summary }: Summarised) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.show,
    startToCloseTimeout: LISTS_TAKE,
    heartbeatTimeout: ALIVE,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '2 seconds', backoffCoefficient: 1.5, maximumInterval: '60 seconds' },
    summary,
  });
}

/** Posting to a webhook: tried for as long as it is worth it, and in a queue that nothing else waits in. */
export function post({ summary, forMs }: Summarised & { forMs: number }) {
  return proxyActivities<Activities>({
    taskQueue: TASK_QUEUES.notify,
    // Its own deadline is 10 s; what a dead worker was at is tried again soon.
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: forMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 minutes' },
    summary,
  });
}
