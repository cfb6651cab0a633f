import type { FastifyPluginAsync } from 'fastify';
import { keyState } from '../domain/gateway-key.ts';
import type { KeyBook, KeyOrder, KeyStanding } from '../gateway/keys/keys.ts';
import { parseInput } from './input.ts';
import { type KeyAnswer, keyAnswer, keyCreatedAnswer, keysAnswer } from './key-answers.ts';
import { type KeyBody, keyBody, keyParams } from './key-schema.ts';
import { describeCall } from './openapi.ts';

/** `/api/admin/keys`: who may use the gateway, and how much. */
export const keysRoutes =
  ({ keys }: { readonly keys: KeyBook }): FastifyPluginAsync =>
  async (app) => {
    app.get('/keys', { schema: LIST }, async () => {
      const nowMs = Date.now();
      return { items: (await keys.list()).map((key) => presentKey(key, nowMs)), next: null };
    });

    app.post('/keys', { schema: CREATE }, async (request, reply) => {
      const { body } = parseInput({ body: { schema: keyBody, given: request.body ?? {} } });
      const { key, token } = await keys.create(toOrder(body));
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...presentKey(key, Date.now()), token });
    });

    app.delete('/keys/:id', { schema: REVOKE }, async (request) => {
      const { params } = parseInput({ params: { schema: keyParams, given: request.params } });
      return presentKey(await keys.revoke(params.id), Date.now());
    });
  };

function toOrder(body: KeyBody): KeyOrder {
  return {
    name: body.name,
    expiresAtMs: body.expires_at === undefined ? null : Date.parse(body.expires_at),
    limits: {
      models: body.models === undefined ? null : [...new Set(body.models)],
      requestsPerMinute: body.requests_per_minute ?? null,
      tokensPerMinute: body.tokens_per_minute ?? null,
      budget:
        body.budget_usd === undefined
          ? null
          : { usd: body.budget_usd, period: body.budget_period ?? 'total' },
    },
  };
}

function presentKey(key: KeyStanding, nowMs: number): KeyAnswer {
  const { limits, spent } = key;
  return {
    id: key.id,
    name: key.name,
    hint: key.hint,
    state: keyState(key, nowMs),
    created_at: time(key.createdAtMs),
    last_used_at: maybeTime(key.lastUsedAtMs),
    expires_at: maybeTime(key.expiresAtMs),
    revoked_at: maybeTime(key.revokedAtMs),
    models: limits.models === null ? null : [...limits.models],
    requests_per_minute: limits.requestsPerMinute,
    tokens_per_minute: limits.tokensPerMinute,
    budget:
      limits.budget === null || spent === null
        ? null
        : {
            limit_usd: limits.budget.usd,
            period: limits.budget.period,
            spent_usd: dollars(spent.usd),
            reserved_usd: dollars(spent.heldUsd),
            resets_at: maybeTime(spent.resetsAtMs),
          },
  };
}

function maybeTime(ms: number | null): string | null {
  return ms === null ? null : time(ms);
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function dollars(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}

const LIST = describeCall({
  summary: 'Keys of the gateway, with what they spent in the period that is now',
  answers: { 200: { is: 'The keys', schema: keysAnswer } },
});

const CREATE = describeCall({
  summary: 'Make a key of the gateway; its token is shown this once',
  body: keyBody,
  answers: { 201: { is: 'The key, with its token', schema: keyCreatedAnswer } },
});

const REVOKE = describeCall({
  summary: 'Revoke a key, by id or name; every server of the installation refuses it within two seconds',
  answers: { 200: { is: 'Revoked, now or before', schema: keyAnswer } },
});
