import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { News, Sessions } from '../client.ts';
import { Problem } from '../domain/problem.ts';
import type { SessionView } from '../domain/session.ts';
import type { StatusAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { NewsStream } from './news-stream.ts';
import { describeStream } from './openapi.ts';
import { presentAttempt } from './present.ts';
import { presenterOf } from './present-now.ts';
import type { ProviderDesk } from './providers.ts';
import { newsQuery } from './schema.ts';

type Deps = { readonly sessions: Sessions; readonly gateway: Pick<ProviderDesk, 'providerNow'> };

const CLIENTS_MAX = 50;
const HEARTBEAT_MS = 15_000;

/** `/api/admin/events`: what changes, as server-sent events, until the client or the server goes. */
export const newsRoutes =
  ({ sessions, gateway }: Deps): FastifyPluginAsync =>
  async (app) => {
    const present = presenterOf({ sessions, gateway });
    const clients = new Set<NewsStream>();
    app.addHook('preClose', async () => {
      for (const client of clients) client.end();
    });

    app.get('/events', { schema: EVENTS }, async (request, reply) => {
      const { query } = parseInput({ query: { schema: newsQuery, given: request.query } });
      if (clients.size >= CLIENTS_MAX) {
        throw new Problem('too-many', `${CLIENTS_MAX} clients listen already; close one and try again.`, {
          retryAfterSeconds: 10,
        });
      }
      const client = new NewsStream((news) => eventOf(news, present));
      clients.add(client);
      client.once('close', () => clients.delete(client));
      feed(client, { sessions, lastId: lastIdOf(request), withViews: query.views === 'true' });
      return (
        reply
          .type('text/event-stream')
          .header('cache-control', 'no-cache, no-transform')
          // A proxy that buffers would hold events back until there are many.
          .header('x-accel-buffering', 'no')
          .send(client)
      );
    });
  };

const EVENTS = describeStream({
  summary: 'What changes, as server-sent events: state, cost, alert, attempt, and session with `views`',
  query: newsQuery,
});

type Order = {
  readonly sessions: Pick<Sessions, 'listen'>;
  readonly lastId: string | null;
  readonly withViews: boolean;
};

function feed(client: NewsStream, { sessions, lastId, withViews }: Order): void {
  client.say(': listening\nretry: 2000\n\n');
  const leave = sessions.listen((news) => {
    if (withViews || news.kind !== 'session') client.tell(news);
  }, lastId);
  const beat = setInterval(() => client.say(': still here\n\n'), HEARTBEAT_MS);
  client.once('close', () => {
    clearInterval(beat);
    leave();
  });
}

function lastIdOf({ headers }: FastifyRequest): string | null {
  const given = headers['last-event-id'];
  return typeof given === 'string' && given !== '' ? given : null;
}

type Present = (view: SessionView) => StatusAnswer;

function eventOf(news: News, present: Present): string {
  return `event: ${news.kind}\nid: ${news.id}\ndata: ${JSON.stringify(dataOf(news, present))}\n\n`;
}

function dataOf(news: News, present: Present): object {
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
    case 'session':
      return present(news.view);
  }
}

function dollars(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
