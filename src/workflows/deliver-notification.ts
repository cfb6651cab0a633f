import {
  ActivityFailure,
  ApplicationFailure,
  log,
  setCurrentDetails,
  upsertMemo,
} from '@temporalio/workflow';
import { forWebUi } from '../domain/budget.ts';
import type { Delivery, Notification, NotificationTarget } from '../domain/notification.ts';
import type { DeliveryOrder } from './messages.ts';
import { post } from './policies.ts';

/**
 * Brings one notification to every target, each tried by itself until it was taken, refused for good, or a day
 * is over. It completes in every case: how it ended is its result, and in its memo.
 *
 * Its id is the event's, so that one event is delivered by one workflow, whoever tells of it. A target may get it
 * twice all the same, when a worker dies between the answer and the noting of it: receivers go by the event's id.
 */
export async function deliverNotification({
  notification,
  targets,
}: DeliveryOrder): Promise<readonly Delivery[]> {
  let deliveries: readonly Delivery[] = targets.map((target) => ({ target, state: 'pending', detail: '' }));
  show(notification, deliveries);
  await Promise.all(
    targets.map(async (target) => {
      const delivery = await deliver(notification, target);
      deliveries = deliveries.map((one) => (one.target === target ? delivery : one));
      upsertMemo({ deliveries });
      show(notification, deliveries);
    }),
  );
  return deliveries;
}

const DAY_MS = 86_400_000;
/** Somebody looks on: a test that does not arrive soon has failed. */
const TEST_MS = 60_000;

async function deliver(notification: Notification, target: NotificationTarget): Promise<Delivery> {
  const { id, kind } = notification;
  const forMs = kind === 'test' ? TEST_MS : DAY_MS;
  const { postToWebhook, postToSlack } = post({ summary: `${kind} to ${target}`, forMs });
  const send = { webhook: postToWebhook, slack: postToSlack }[target];
  try {
    const { httpStatus, attempt } = await send(notification);
    return {
      target,
      state: 'delivered',
      detail: attempt === 1 ? `${httpStatus}` : `${httpStatus} at try ${attempt}`,
    };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const detail = whyGivenUp(error, forMs);
    log.warn('a notification was given up', { id, target, detail });
    return { target, state: 'failed', detail };
  }
}

/** The last try's own words, where there was one; a time-out holds them as its cause. */
function whyGivenUp(error: ActivityFailure, forMs: number): string {
  const causes: unknown[] = [];
  for (
    let cause = error.cause;
    cause instanceof Error && causes.length < 5;
    cause = cause.cause as Error | undefined
  )
    causes.push(cause);
  const said = causes.find((cause) => cause instanceof ApplicationFailure);
  if (said instanceof ApplicationFailure && said.nonRetryable === true) return `refused: ${said.message}`;
  const last = said instanceof Error ? `; the last try: ${said.message}` : '; no worker took it up';
  const span = forMs >= DAY_MS ? 'a day' : `${forMs / 1_000} s`;
  return `given up after ${span}${last}`;
}

/** What Temporal's Web UI shows of it. */
function show({ title, text, severity }: Notification, deliveries: readonly Delivery[]): void {
  const lines = deliveries.map(
    ({ target, state, detail }) => `- ${target}: ${state}${detail === '' ? '' : ` (${detail})`}`,
  );
  setCurrentDetails(forWebUi([`**${title}** (${severity})`, text, lines.join('\n')].join('\n\n')));
}
