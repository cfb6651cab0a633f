import { z } from 'zod';
import { BUDGET_PERIODS, KEY_STATES } from '../domain/gateway-key.ts';

/** Keys of the gateway, in the words of the wire. */
const time = z.iso.datetime();
const usd = z.number();

export const keyAnswer = z.object({
  id: z.string(),
  name: z.string(),
  hint: z.string().describe('Beginning and end of the token, to tell keys apart'),
  state: z.enum(KEY_STATES),
  created_at: time,
  last_used_at: time.nullable().describe('To the minute'),
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  models: z.array(z.string()).nullable().describe('Null: every model'),
  requests_per_minute: z.int().nullable().describe('Null: no limit'),
  tokens_per_minute: z.int().nullable().describe('Null: no limit'),
  budget: z
    .object({
      limit_usd: usd,
      period: z.enum(BUDGET_PERIODS),
      spent_usd: usd.describe('In the period that is now'),
      reserved_usd: usd.describe('By requests under way, and what servers hold for the next'),
      resets_at: time.nullable(),
    })
    .nullable(),
});

export const keyCreatedAnswer = keyAnswer.extend({
  token: z.string().describe('Shown this once: only its hash is kept'),
});

export const keysAnswer = z.object({
  items: z.array(keyAnswer).describe('Those in use first, then revoked ones; newest first'),
  next: z.null(),
});

export type KeyAnswer = z.output<typeof keyAnswer>;
export type KeyCreatedAnswer = z.output<typeof keyCreatedAnswer>;
export type KeysAnswer = z.output<typeof keysAnswer>;
