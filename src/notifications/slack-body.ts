import type { Notification, Severity } from '../domain/notification.ts';

/** Slack's limits: 3,000 characters in a section's text, as sent; the text that notices show is best kept shorter. */
const SECTION_CHARACTERS = 3_000;
const TEXT_CHARACTERS = 3_000;
const CONTEXT_CHARACTERS = 1_000;

const SIGNS: Readonly<Record<Severity, string>> = {
  info: '',
  warning: ':warning: ',
  critical: ':rotating_light: ',
};

/** What a Slack-compatible incoming webhook is sent: the text for notices, blocks for the channel. */
export function slackBody({ id, kind, atMs, session, title, text, severity }: Notification): string {
  const sign = SIGNS[severity];
  const about = [kind, ...(session === null ? [] : [`session ${session}`]), new Date(atMs).toISOString(), id];
  return JSON.stringify({
    text: escaped(`${sign}${title}\n${text}`, TEXT_CHARACTERS),
    blocks: [
      { type: 'section', text: mrkdwn(`${sign}*${title}*\n${text}`, SECTION_CHARACTERS) },
      { type: 'context', elements: [mrkdwn(about.join(' · '), CONTEXT_CHARACTERS)] },
    ],
  });
}

function mrkdwn(text: string, characters: number) {
  return { type: 'mrkdwn', text: escaped(text, characters) };
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Slack's three control characters as entities, none of which is cut in half where the limit is. */
function escaped(text: string, characters: number): string {
  let sent = '';
  for (const point of text) {
    const next = ENTITIES[point] ?? point;
    if (sent.length + next.length >= characters) return `${sent}…`;
    sent += next;
  }
  return sent;
}
