import { z } from 'zod';

/** Providers of the gateway, in the words of the wire. */
const time = z.iso.datetime();

export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;

const lastError = z
  .object({ at: time, kind: z.string(), message: z.string() })
  .nullable()
  .describe('The newest failure, whatever came after');

const latency = z.object({
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  of: z.int().describe('So many of the newest answers'),
});

export const targetAnswer = z.object({
  target: z.string().describe('As `x-leash-tried` names it'),
  session: z.string().nullable(),
  breaker: z.enum(BREAKER_STATES),
  in_flight: z.int(),
  requests: z.int().describe('Since this server started'),
  first_byte_ms: latency,
  last_error: lastError,
});

export const providerAnswer = z.object({
  provider: z.string(),
  configured: z.boolean(),
  healthy: z.boolean().describe('Whether a request could be answered there now'),
  active: z.boolean().describe('Whether a request that names no model goes there now'),
  breaker: z.enum(BREAKER_STATES).nullable().describe('The best of its targets; null where it has none'),
  latency_ms: latency.describe('To the first byte'),
  in_flight: z.int(),
  last_error: lastError,
  models: z.array(z.string()),
  usd_per_million_tokens: z.number().nullable().describe('By which `cheapest` goes'),
  targets: z.array(targetAnswer),
});

export const providersAnswer = z.object({
  items: z.array(providerAnswer).describe('In the configured order'),
  active: z.string().nullable().describe('Where a request that names no model goes now'),
  switched_to: z
    .object({ provider: z.string().nullable(), session: z.string().nullable() })
    .describe('Where people switched to; both null: the configured order alone'),
});

export type ProviderAnswer = z.output<typeof providerAnswer>;
export type ProvidersAnswer = z.output<typeof providersAnswer>;
