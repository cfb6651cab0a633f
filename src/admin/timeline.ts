import type { FastifyPluginAsync } from 'fastify';
import type { Sessions } from '../client.ts';
import { timelineAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { sessionParams, timelineQuery } from './schema.ts';

/** `/api/admin/sessions/:name/events`: what happened to a session, in plain words. */
export const timelineRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/sessions/:name/events', { schema: TIMELINE }, async (request) => {
      const { params, query } = parseInput({
        params: { schema: sessionParams, given: request.params },
        query: { schema: timelineQuery, given: request.query },
      });
      const { items, next } = await sessions.timeline({
        session: params.name,
        limit: Number(query.limit),
        after: query.after ?? null,
      });
      return {
        items: items.map(({ atMs, ...item }) => ({ ...item, at: new Date(atMs).toISOString() })),
        next,
      };
    });
  };

const TIMELINE = describeCall({
  summary: 'What happened to the newest session of a name, oldest first; no worker is asked',
  query: timelineQuery,
  answers: { 200: { is: 'A page of its timeline', schema: timelineAnswer } },
});
