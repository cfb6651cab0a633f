import { z } from 'zod';
import { NOTIFICATION_KINDS, NOTIFICATION_TARGETS } from '../domain/notification.ts';

/** What people were told of, in the words of the wire. */
const target = z.enum(NOTIFICATION_TARGETS);

export const notificationAnswer = z.object({
  id: z.string().describe('Of the event; the same in every delivery of it'),
  at: z.iso.datetime(),
  kind: z.enum(NOTIFICATION_KINDS),
  session: z.string().nullable().describe('Null for what concerns all of them'),
  title: z.string(),
  state: z
    .enum(['delivered', 'pending', 'failed'])
    .describe('failed: refused or given up by one target at least'),
  detail: z.string().describe('How each target answered'),
});

export const notificationsAnswer = z.object({
  items: z.array(notificationAnswer).describe('The newest 50, newest first'),
  targets: z.array(target).describe('Where they go by the settings of this server'),
});

export const notificationTestAnswer = z.object({
  targets: z.array(
    z.object({
      target,
      delivered: z.boolean(),
      detail: z.string().describe('Its HTTP status, or why it is not delivered after 10 s'),
    }),
  ),
});

export type NotificationsAnswer = z.output<typeof notificationsAnswer>;
export type NotificationTestAnswer = z.output<typeof notificationTestAnswer>;
