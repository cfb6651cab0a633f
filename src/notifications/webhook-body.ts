import type { Notification } from '../domain/notification.ts';

/** What the webhook is sent: the same bytes at every try. */
export function webhookBody(notification: Notification): string {
  const { id, kind, atMs, session, run, title, text, severity, data } = notification;
  return JSON.stringify({
    id,
    kind,
    at: new Date(atMs).toISOString(),
    session,
    run,
    title,
    text,
    severity,
    data,
  });
}
