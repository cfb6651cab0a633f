import { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { News, Sessions } from '../client.ts';
import { Problem } from '../domain/problem.ts';
import { presentAttempt } from './present.ts';

const CLIENTS_MAX = 50;
const HEARTBEAT_MS = 15_000;
/** What a client may leave unread before it is dropped: it comes back by itself, with its Last-Event-ID. */
const UNREAD_BYTES_MAX = 256 * 1_024;

/** `/api/admin/events`: what changes, as server-sent events, until the client or the server goes. */
export const newsRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    const clients = new Set<Readable>();
    app.addHook('preClose', async () => {
      for (const client of clients) client.push(null);
    });

    app.get(
      '/events',
      { schema: { summary: 'What changes, as server-sent events: state, cost, alert, attempt' } },
      async (request, reply) => {
        if (clients.size >= CLIENTS_MAX) {
          throw new Problem('too-many', `${CLIENTS_MAX} clients listen already; close one and try again.`, {
            retryAfterSeconds: 10,
          });
        }
        const client = openStream(sessions, lastIdOf(request));
        clients.add(client);
        client.once('close', () => clients.delete(client));
        return (
          reply
            .type('text/event-stream')
            .header('cache-control', 'no-cache, no-transform')
            // A proxy that buffers would hold events back until there are many.
            .header('x-accel-buffering', 'no')
            .send(client)
        );
      },
    );
  };

function openStream(sessions: Sessions, lastId: string | null): Readable {
  const stream = new Readable({ read: () => undefined, highWaterMark: 0 });
  const push = (text: string) => {
    if (stream.destroyed || stream.readableEnded) return;
    if (stream.readableLength > UNREAD_BYTES_MAX) stream.destroy();
    else stream.push(text);
  };
  push(': listening\nretry: 2000\n\n');
  const leave = sessions.listen((news) => push(eventOf(news)), lastId);
  const beat = setInterval(() => push(': still here\n\n'), HEARTBEAT_MS);
  stream.once('close', () => {
    clearInterval(beat);
    leave();
  });
  return stream;
}

function lastIdOf({ headers }: FastifyRequest): string | null {
  const given = headers['last-event-id'];
  return typeof given === 'string' && given !== '' ? given : null;
}

function eventOf(news: News): string {
  return `event: ${news.kind}\nid: ${news.id}\ndata: ${JSON.stringify(dataOf(news))}\n\n`;
}

function dataOf(news: News): object {
  const { session } = news;
  switch (news.kind) {
    case 'state':
      return {
        session,
        state: news.state,
        status: news.state.toLowerCase(),
        detail: news.detail,
        outcome: news.outcome,
      };
    case 'cost':
      return {
        session,
        spent_usd: dollars(news.budget.spentUsd),
        reserved_usd: dollars(news.budget.reservedUsd),
        limit_usd: dollars(news.budget.limitUsd),
        usd_per_hour: news.usdPerHour === null ? null : dollars(news.usdPerHour),
      };
    case 'alert':
      return { session, alert: news.alert, detail: news.detail };
    case 'attempt':
      return { session, ...presentAttempt(news.attempt) };
  }
}

function dollars(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
