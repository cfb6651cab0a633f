import type { FastifyPluginAsync } from 'fastify';
import type { Sessions } from '../client.ts';
import { sessionsAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { presentSummary } from './present.ts';
import { sessionsQuery } from './schema.ts';

/** `/api/admin/sessions`: every session Temporal remembers, newest first. */
export const sessionsRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/sessions', { schema: SESSIONS }, async (request) => {
      const { query } = parseInput({ query: { schema: sessionsQuery, given: request.query } });
      const { items, next } = await sessions.list({
        limit: query.limit === undefined ? 50 : Number(query.limit),
        ...(query.state !== undefined && { state: query.state }),
        ...(query.open !== undefined && { open: query.open === 'true' }),
        ...(query.after !== undefined && { after: query.after }),
      });
      return { items: items.map(presentSummary), next };
    });
  };

const SESSIONS = describeCall({
  summary: 'Sessions, newest first',
  query: sessionsQuery,
  answers: { 200: { is: 'A page of sessions', schema: sessionsAnswer } },
});
