import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import {
  type Delivery,
  type DeliveryState,
  type NotificationKind,
  type NotificationTarget,
  SETTING_OF_TARGET,
  stateOf,
  targetsOf,
} from '../domain/notification.ts';
import { testNotice } from '../domain/notification-of-installation.ts';
import { Problem } from '../domain/problem.ts';
import { withDeadline } from '../temporal/connection.ts';
import { decodeMessage } from '../temporal/data-converter.ts';
import { notificationWorkflowId, TASK_QUEUES } from '../workflows/ids.ts';
import { type DeliveryOrder, type NotificationMemo, notificationMemo } from '../workflows/messages.ts';
import { CALL_MS, type Context } from './context.ts';

/** One event that people were told of, or are being told of. */
export type Notified = {
  readonly id: string;
  readonly atMs: number;
  readonly kind: NotificationKind;
  readonly session: string | null;
  readonly title: string;
  readonly state: DeliveryState;
  readonly deliveries: readonly Delivery[];
};

export type Notifications = {
  /** Newest first. */
  readonly items: readonly Notified[];
  /** Where they go by the settings of this process. */
  readonly targets: readonly NotificationTarget[];
};

export type NotificationDesk = {
  list(): Promise<Notifications>;
  /** Each target's answer to a test, within 10 s. conflict (none is configured). */
  test(): Promise<readonly Delivery[]>;
};

const LISTED = 50;
/** Visibility tells by when they closed: some more are read, so that the newest of all are among them. */
const READ = 200;
const DESCRIBED_AT_ONCE = 10;
const TEST_MS = 10_000;
const LOOK_MS = 250;

/** The newest 50, with how far each has come. */
export async function listNotifications(context: Context): Promise<Notifications> {
  const { client } = context;
  const found: { workflowId: string; memo: NotificationMemo }[] = [];
  await withDeadline(client, CALL_MS, async () => {
    for await (const { workflowId, memo } of client.workflow.list({
      query: "WorkflowType = 'deliverNotification'",
      pageSize: READ,
    })) {
      if (memo !== undefined) found.push({ workflowId, memo: memo as NotificationMemo });
      if (found.length >= READ) break;
    }
  });
  const newest = found.sort((a, b) => b.memo.at.localeCompare(a.memo.at)).slice(0, LISTED);
  const items: Notified[] = [];
  for (let from = 0; from < newest.length; from += DESCRIBED_AT_ONCE) {
    const batch = newest.slice(from, from + DESCRIBED_AT_ONCE);
    items.push(...(await Promise.all(batch.map((one) => notifiedOf(context, one)))));
  }
  return { items, targets: targetsOf(context.config) };
}

/** Tells every target that is configured of a test, and waits a little for what they answer. */
export async function testNotifications(context: Context): Promise<readonly Delivery[]> {
  const { client, config } = context;
  const targets = targetsOf(config);
  if (targets.length === 0) {
    throw new Problem(
      'conflict',
      `No notifications are configured: set ${Object.values(SETTING_OF_TARGET).join(' or ')} for servers and workers, then start them again.`,
    );
  }
  const notification = testNotice(randomUUID(), Date.now());
  const order: DeliveryOrder = { notification, targets };
  const untilMs = Date.now() + TEST_MS;
  const handle = await withDeadline(client, CALL_MS, () =>
    client.workflow.start('deliverNotification', {
      workflowId: notificationWorkflowId(notification.id),
      taskQueue: TASK_QUEUES.sessions,
      args: [order],
      memo: notificationMemo(notification, targets),
      staticSummary: `test: ${notification.title}`,
    }),
  );
  for (;;) {
    const deliveries = await progressOf(context, handle);
    const isOver = deliveries.every(({ state }) => state !== 'pending');
    if (isOver || Date.now() >= untilMs) return deliveries;
    await pause(LOOK_MS);
  }
}

/** What visibility says of one that is under way may be behind, and lacks why it is. */
async function notifiedOf(
  context: Context,
  { workflowId, memo }: { workflowId: string; memo: NotificationMemo },
): Promise<Notified> {
  const { id, kind, at, session, title } = memo;
  const isPending = memo.deliveries.some(({ state }) => state === 'pending');
  const deliveries = isPending
    ? await progressOf(context, context.client.workflow.getHandle(workflowId)).catch(() => memo.deliveries)
    : memo.deliveries;
  return { id, kind, atMs: Date.parse(at), session, title, state: stateOf(deliveries), deliveries };
}

const ACTIVITY_OF: Readonly<Record<NotificationTarget, string>> = {
  webhook: 'postToWebhook',
  slack: 'postToSlack',
};

/** How far each target's delivery is, and for what is under way why it has not come further. */
async function progressOf({ client }: Context, handle: WorkflowHandle): Promise<readonly Delivery[]> {
  const { memo, raw } = await withDeadline(client, CALL_MS, () => handle.describe());
  await decodeMessage(client, raw);
  const { deliveries } = memo as NotificationMemo;
  return deliveries.map((delivery) => {
    if (delivery.state !== 'pending') return delivery;
    const activity = (raw.pendingActivities ?? []).find(
      ({ activityType }) => activityType?.name === ACTIVITY_OF[delivery.target],
    );
    const said = activity?.lastFailure?.message;
    const detail = said
      ? `${said}; tried ${activity.attempt} times, and tried again`
      : 'nobody has taken it up: is a worker running that has the setting too?';
    return { ...delivery, detail };
  });
}
