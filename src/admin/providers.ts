import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { SESSION_NAME } from '../domain/label.ts';
import { Problem } from '../domain/problem.ts';
import type { BreakerState } from '../gateway/breaker.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { ProviderView, TargetView } from '../gateway/view.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { type ProviderAnswer, type ProvidersAnswer, providersAnswer } from './provider-answers.ts';

/** What the gateway knows of its providers; it is composed by the server. */
export type ProviderDesk = Pick<Gateway, 'providers' | 'providerNow' | 'switched' | 'switchTo'>;

/** `/api/admin/providers`: who answers behind the gateway, and who is asked first. */
export const providersRoutes =
  ({ gateway }: { readonly gateway: ProviderDesk }): FastifyPluginAsync =>
  async (app) => {
    app.get('/providers', { schema: LIST }, async () => presentAll(gateway));

    app.post('/providers/switch', { schema: SWITCH }, async (request) => {
      const { body } = parseInput({ body: { schema: switchBody, given: request.body ?? {} } });
      const session = body.session ?? null;
      const answer = gateway.switchTo(body.provider, session);
      if (answer.kind === 'switched') return presentAll(gateway);
      throw refusalOf(answer, { provider: body.provider, session });
    });
  };

function refusalOf(
  answer: Exclude<ReturnType<ProviderDesk['switchTo']>, { kind: 'switched' }>,
  { provider, session }: { provider: string | null; session: string | null },
): Problem {
  switch (answer.kind) {
    case 'unknown-provider':
      return new Problem('invalid', `There is no provider ${JSON.stringify(provider)}.`, {
        problems: [{ field: 'provider', given: provider, allowed: `one of ${answer.providers.join(', ')}` }],
      });
    case 'unconfigured':
      return new Problem(
        'conflict',
        `The provider ${provider} is not configured; those that are: ${answer.providers.join(', ')}.`,
      );
    case 'not-ready':
      return new Problem(
        'conflict',
        `Session ${session} is not READY; those that are: ${answer.sessions.join(', ') || 'none'}.`,
      );
  }
}

function presentAll(gateway: ProviderDesk): ProvidersAnswer {
  return {
    items: gateway.providers().map(presentProvider),
    active: gateway.providerNow(null),
    switched_to: { ...gateway.switched() },
  };
}

export function presentProvider(facts: ProviderView): ProviderAnswer {
  const { targets } = facts;
  const newest = targets
    .flatMap(({ lastError }) => (lastError === null ? [] : [lastError]))
    .sort((a, b) => b.atMs - a.atMs)[0];
  return {
    provider: facts.provider,
    configured: facts.isConfigured,
    healthy: facts.isHealthy,
    active: facts.isFirst,
    breaker: BEST_FIRST.find((state) => targets.some(({ breaker }) => breaker === state)) ?? null,
    latency_ms: { ...facts.firstByteMs },
    in_flight: targets.reduce((sum, { inFlight }) => sum + inFlight, 0),
    last_error: presentError(newest ?? null),
    models: [...facts.models],
    usd_per_million_tokens: facts.usdPerMillionTokens,
    targets: targets.map((target) => ({
      target: target.target,
      session: target.session,
      breaker: target.breaker,
      in_flight: target.inFlight,
      requests: target.requests,
      first_byte_ms: { ...target.firstByteMs },
      last_error: presentError(target.lastError),
    })),
  };
}

const BEST_FIRST: readonly BreakerState[] = ['closed', 'half-open', 'open'];

function presentError(error: TargetView['lastError']): ProviderAnswer['last_error'] {
  return error === null
    ? null
    : { at: new Date(error.atMs).toISOString(), kind: error.kind, message: error.message };
}

const switchBody = z
  .strictObject(
    {
      provider: z
        .string('the name of a provider, or null for the configured order')
        .max(40, 'the name of a provider, or null for the configured order')
        .nullable()
        .describe('Asked before the others from now on; null: the configured order again'),
      session: z
        .string('a session name: 1 to 40 of a-z, 0-9 and -, not beginning with -')
        .regex(SESSION_NAME, 'a session name: 1 to 40 of a-z, 0-9 and -, not beginning with -')
        .optional()
        .describe(
          'Of Vast.ai: asked before other sessions; needed for one launched with `auto_switch: false`',
        ),
    },
    'a JSON object',
  )
  .refine(({ provider, session }) => session === undefined || provider === 'vastai', {
    path: ['session'],
    error: 'only together with provider: vastai',
  });

const LIST = describeCall({
  summary: 'Who answers behind the gateway: configured, healthy, breaker, latency, last error',
  answers: { 200: { is: 'Every provider', schema: providersAnswer } },
});

const SWITCH = describeCall({
  summary: 'Send the traffic to a provider, or to a session launched with `auto_switch: false`',
  body: switchBody,
  answers: { 200: { is: 'Every provider, as it is now', schema: providersAnswer } },
});
