import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  log,
  ParentClosePolicy,
  patched,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import type { Notification, NotificationTarget } from '../domain/notification.ts';
import { type Orphan, orphanNotice } from '../domain/notification-of-installation.ts';
import type { deliverNotification } from './deliver-notification.ts';
import { notificationWorkflowId, TASK_QUEUES } from './ids.ts';
import { notificationMemo } from './messages.ts';

/** The name that guards what is told by workflows which began before they told anything. */
export const NOTIFICATIONS_PATCH = 'notifications';

/**
 * Starts a notification's delivery, which goes on by itself whatever becomes of the caller. Returns once it has
 * begun; for an event that is being told, or was, at once.
 *
 * Nothing that goes wrong with it is the caller's trouble.
 */
export async function startDelivery(
  notification: Notification,
  targets: readonly NotificationTarget[],
): Promise<void> {
  const { id, kind, title } = notification;
  try {
    await startChild<typeof deliverNotification>('deliverNotification', {
      workflowId: notificationWorkflowId(id),
      taskQueue: TASK_QUEUES.sessions,
      args: [{ notification, targets }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      memo: notificationMemo(notification, targets),
      staticSummary: `${kind}: ${title}`,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    log.warn('a notification could not be begun', { id, why: String(error) });
  }
}

/** Orphans whose destroy was accepted. What a run finds again, because it lingers, was told of before. */
export async function tellOrphans(
  targets: readonly NotificationTarget[] | undefined,
  orphans: readonly Orphan[],
): Promise<void> {
  if (targets === undefined || targets.length === 0 || orphans.length === 0) return;
  if (!patched(NOTIFICATIONS_PATCH)) return;
  const nowMs = Date.now();
  await Promise.all(orphans.map((orphan) => startDelivery(orphanNotice(orphan, nowMs), targets)));
}
