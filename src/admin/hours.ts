import type { FastifyPluginAsync } from 'fastify';
import type { Hours, Sessions } from '../client.ts';
import type { Config } from '../config.ts';
import type { Tier } from '../domain/tier.ts';
import { type HoursAnswer, hoursAnswer, hoursListAnswer, hoursRemovedAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { toSessionRequest } from './present.ts';
import { hoursBody, hoursBodyWithin, hoursParams } from './schema.ts';

type Deps = { readonly sessions: Sessions; readonly config: Config; readonly tiers: readonly Tier[] };

/** `/api/admin/schedules`: business hours, in which a session is launched and ended by itself. */
export const hoursRoutes =
  ({ sessions, config, tiers }: Deps): FastifyPluginAsync =>
  async (app) => {
    const schema = hoursBodyWithin({ budgetUsdMax: config.VASTAI_SESSION_BUDGET_LIMIT });

    app.get('/schedules', { schema: LIST }, async () => ({
      items: (await sessions.hours.list()).map(presentHours),
      next: null,
    }));

    app.post('/schedules', { schema: ADD }, async (request, reply) => {
      const { body } = parseInput({ body: { schema, given: request.body ?? {} } });
      const { launch, ...hours } = body;
      const added = await sessions.hours.add({
        ...hours,
        session: launch.session,
        request: toSessionRequest(launch, config, tiers),
      });
      return reply.code(201).send(presentHours(added));
    });

    app.delete('/schedules/:id', { schema: REMOVE }, async (request) => {
      const { params } = parseInput({ params: { schema: hoursParams, given: request.params } });
      await sessions.hours.remove(params.id);
      return { id: params.id, removed: true };
    });
  };

function presentHours({ isPaused, nextLaunchAtMs, lastLaunchAtMs, ...hours }: Hours): HoursAnswer {
  const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return {
    ...hours,
    paused: isPaused,
    next_launch_at: time(nextLaunchAtMs),
    last_launch_at: time(lastLaunchAtMs),
  };
}

const LIST = describeCall({
  summary: 'Business hours',
  answers: { 200: { is: 'All of them', schema: hoursListAnswer } },
});

const ADD = describeCall({
  summary: 'Launch a session at these hours and end it after them',
  body: hoursBody,
  answers: { 201: { is: 'Added', schema: hoursAnswer } },
});

const REMOVE = describeCall({
  summary: 'Launch and end nothing at these hours any more; what is open stays open',
  answers: { 200: { is: 'Removed', schema: hoursRemovedAnswer } },
});
