import type { FastifyPluginAsync } from 'fastify';
import type { Sessions } from '../client.ts';
import { logsAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { logsQuery, sessionParams } from './schema.ts';

/** `/api/admin/sessions/:name/logs`: what the container of a session says. */
export const logsRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/sessions/:name/logs', { schema: LOGS }, async (request) => {
      const { params, query } = parseInput({
        params: { schema: sessionParams, given: request.params },
        query: { schema: logsQuery, given: request.query },
      });
      const { session, instanceId, lines } = await sessions.logs({
        session: params.name,
        tail: Number(query.tail),
        filter: query.filter ?? null,
      });
      return { session, instance_id: instanceId, lines };
    });
  };

const LOGS = describeCall({
  summary: "The newest lines of an instance's log, through Vast's logs call; secrets are redacted",
  query: logsQuery,
  answers: { 200: { is: 'Lines, oldest first', schema: logsAnswer } },
});
