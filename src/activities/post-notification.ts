import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { type Notification, type NotificationTarget, SETTING_OF_TARGET } from '../domain/notification.ts';
import { type Post, postJson } from '../notifications/posting.ts';
import { signedHeaders } from '../notifications/signature.ts';
import { slackBody } from '../notifications/slack-body.ts';
import { webhookBody } from '../notifications/webhook-body.ts';
import type { Deps } from './deps.ts';

/** Where this worker posts notifications to. Addresses are secrets: they are in no input, result or log. */
export type NotificationAddresses = {
  readonly webhookUrl?: string | undefined;
  readonly webhookSecret?: string | undefined;
  readonly slackUrl?: string | undefined;
};

export type Posted = { readonly httpStatus: number; readonly attempt: number };

/** A receiver may ask for more patience than this; it is asked again all the same. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** One try; the timestamp, and so the signature, is of this try, while id and body are those of the event. */
export async function postToWebhook(deps: Deps, notification: Notification): Promise<Posted> {
  const { webhookUrl, webhookSecret } = deps.notifications;
  const url = configured(webhookUrl, 'webhook');
  const body = webhookBody(notification);
  const headers = signedHeaders({ id: notification.id, body, atMs: Date.now() }, webhookSecret);
  return post({ url, headers, body });
}

export async function postToSlack(deps: Deps, notification: Notification): Promise<Posted> {
  const url = configured(deps.notifications.slackUrl, 'slack');
  return post({ url, headers: {}, body: slackBody(notification) });
}

/** Another worker may have it, or this one after its restart. */
function configured(url: string | undefined, target: NotificationTarget): string {
  if (url !== undefined) return url;
  throw ApplicationFailure.create({
    type: 'not-configured',
    message: `the worker that took it up has no ${SETTING_OF_TARGET[target]}`,
  });
}

async function post(order: Post): Promise<Posted> {
  const answer = await postJson(order);
  switch (answer.kind) {
    case 'delivered':
      return { httpStatus: answer.httpStatus, attempt: activityInfo().attempt };
    case 'refused':
      throw ApplicationFailure.create({ type: 'refused', message: answer.why, nonRetryable: true });
    case 'failed':
      throw ApplicationFailure.create({
        type: 'not-delivered',
        message: answer.why,
        ...(answer.retryAfterMs !== null && {
          nextRetryDelay: Math.min(RETRY_AFTER_MS_MAX, answer.retryAfterMs),
        }),
      });
  }
}
