import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Sessions } from '../client.ts';
import type { Config } from '../config.ts';
import type { Tier } from '../domain/tier.ts';
import { launchAnswer, statusAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { toSessionRequest } from './present.ts';
import { presenterOf } from './present-now.ts';
import type { ProviderDesk } from './providers.ts';
import {
  destroyBody,
  extendBody,
  idempotencyKey,
  launchBody,
  launchBodyWithin,
  statusQuery,
} from './schema.ts';

type Deps = {
  readonly sessions: Sessions;
  readonly config: Config;
  readonly tiers: readonly Tier[];
  readonly gateway: Pick<ProviderDesk, 'providerNow'>;
};

const IDEMPOTENCY_HEADER = {
  'idempotency-key': {
    type: 'string',
    maxLength: 200,
    description: 'The same key again means the same request again',
  },
};

/** `/api/admin/vllm`: launch, status, extend, destroy. */
export const vllmRoutes =
  ({ sessions, config, tiers, gateway }: Deps): FastifyPluginAsync =>
  async (app) => {
    const present = presenterOf({ sessions, gateway });
    const launchable = launchBodyWithin({ budgetUsdMax: config.VASTAI_SESSION_BUDGET_LIMIT });

    app.post('/launch', { schema: LAUNCH }, async (request, reply) => {
      const { body, key } = parseInput({
        body: { schema: launchable, given: bodyOf(request) },
        key: keyOf(request.headers),
      });
      const { created, view } = await sessions.launch({
        session: body.session,
        request: toSessionRequest(body, config, tiers),
        ...(key !== undefined && { idempotencyKey: key }),
      });
      return reply.code(created ? 202 : 200).send({ ...present(view), created });
    });

    app.get('/status', { schema: STATUS }, async (request) => {
      const { query } = parseInput({ query: { schema: statusQuery, given: request.query } });
      return present(await sessions.status(query.session));
    });

    app.post('/extend', { schema: EXTEND }, async (request) => {
      const { body, key } = parseInput({
        body: { schema: extendBody, given: bodyOf(request) },
        key: keyOf(request.headers),
      });
      const view = await sessions.extend({
        session: body.session,
        additionalMs: Math.round(body.additional_minutes * 60_000),
        ...(key !== undefined && { idempotencyKey: key }),
      });
      return present(view);
    });

    app.post('/destroy', { schema: DESTROY }, async (request, reply) => {
      const { body } = parseInput({ body: { schema: destroyBody, given: bodyOf(request) } });
      const { done, view } = await sessions.destroy({
        session: body.session,
        waitMs: Math.round(body.wait_seconds * 1_000),
        reason: 'requested',
      });
      return reply.code(done ? 200 : 202).send(present(view));
    });
  };

/** No body at all says nothing, which every call takes as `{}`. */
function bodyOf({ body }: FastifyRequest): unknown {
  return body === undefined ? {} : body;
}

function keyOf(headers: Record<string, unknown>) {
  return { schema: OPTIONAL_KEY, given: headers['idempotency-key'], name: 'Idempotency-Key' };
}

const OPTIONAL_KEY = z.optional(idempotencyKey);

const LAUNCH = describeCall({
  summary: 'Rent a GPU and serve a model on it',
  body: launchBody,
  headers: IDEMPOTENCY_HEADER,
  answers: {
    200: { is: 'Open already, with the same parameters (`created: false`)', schema: launchAnswer },
    202: { is: 'Launched (`created: true`)', schema: launchAnswer },
  },
});

const STATUS = describeCall({
  summary: 'What a session is doing; `IDLE` where nothing is rented',
  query: statusQuery,
  answers: { 200: { is: 'The session', schema: statusAnswer } },
});

const EXTEND = describeCall({
  summary: 'Serve for longer without use',
  body: extendBody,
  headers: IDEMPOTENCY_HEADER,
  answers: { 200: { is: 'The session, with its new `keep_alive_until`', schema: statusAnswer } },
});

const DESTROY = describeCall({
  summary: 'End a session and give its GPU back',
  body: destroyBody,
  answers: {
    200: { is: 'Verified gone, with the receipt; or nothing was there', schema: statusAnswer },
    202: { is: 'On its way', schema: statusAnswer },
  },
});
