import type { FastifyPluginAsync } from 'fastify';
import type { Notified, Sessions } from '../client.ts';
import {
  type NotificationsAnswer,
  type NotificationTestAnswer,
  notificationsAnswer,
  notificationTestAnswer,
} from './notification-answers.ts';
import { describeCall } from './openapi.ts';

/** `/api/admin/notifications`: what people were told of, and a test of it. */
export const notificationsRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/notifications', { schema: LIST }, async (): Promise<NotificationsAnswer> => {
      const { items, targets } = await sessions.notifications.list();
      return { items: items.map(presentNotified), targets: [...targets] };
    });

    app.post('/notifications/test', { schema: TEST }, async (): Promise<NotificationTestAnswer> => {
      const deliveries = await sessions.notifications.test();
      return {
        targets: deliveries.map(({ target, state, detail }) => ({
          target,
          delivered: state === 'delivered',
          detail,
        })),
      };
    });
  };

function presentNotified({ id, atMs, kind, session, title, state, deliveries }: Notified) {
  const detail = deliveries
    .map(({ target, state, detail }) => `${target}: ${state}${inBrackets(detail)}`)
    .join('; ');
  return { id, at: new Date(atMs).toISOString(), kind, session, title, state, detail };
}

function inBrackets(detail: string): string {
  return detail === '' ? '' : ` (${detail})`;
}

const LIST = describeCall({
  summary: 'The newest 50 notifications, and how far the delivery of each has come',
  answers: { 200: { is: 'Notifications', schema: notificationsAnswer } },
});

const TEST = describeCall({
  summary: 'Send a test to every target that is configured, and wait up to 10 s for their answers',
  answers: { 200: { is: 'What each target answered', schema: notificationTestAnswer } },
});
