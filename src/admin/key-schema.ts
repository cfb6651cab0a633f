import { z } from 'zod';
import { BUDGET_PERIODS } from '../domain/gateway-key.ts';

/** What the calls about gateway keys are given. Every message completes "allowed: …". */
const NAME = '1 to 64 of A-Z, a-z, 0-9, ., _ and -, beginning with a letter or a digit';
const keyName = z.string(NAME).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, NAME);

const MODEL = 'the name of a model, at most 200 characters without spaces';
const model = z
  .string(MODEL)
  .max(200, MODEL)
  .regex(/^[\x21-\x7e]+$/, MODEL);

const PER_MINUTE = 'a whole number from 1 to 1000000000';
const perMinute = z
  .number(PER_MINUTE)
  .refine(Number.isInteger, PER_MINUTE)
  .min(1, PER_MINUTE)
  .max(1_000_000_000, PER_MINUTE)
  .meta({ type: 'integer' });

const USD = 'a number above 0, at most 1000000 USD';
const MOMENT = 'a moment in the future, such as 2027-01-31T12:00:00Z';

export const keyBody = z
  .strictObject(
    {
      name: keyName.describe('Of its own among the keys in use'),
      models: z
        .array(model, 'a list of model names')
        .min(1, 'at least one model')
        .max(100, 'at most 100 models')
        .optional()
        .describe('Models it may name and is shown; every one when left out'),
      requests_per_minute: perMinute.optional().describe('No limit when left out'),
      tokens_per_minute: perMinute.optional().describe('Prompt and completion; no limit when left out'),
      budget_usd: z
        .number(USD)
        .positive(USD)
        .max(1_000_000, USD)
        .optional()
        .describe('Most it may spend in `budget_period`; no limit when left out'),
      budget_period: z
        .enum(BUDGET_PERIODS, `one of ${BUDGET_PERIODS.join(', ')}`)
        .optional()
        .describe('When spending starts again from zero, by UTC')
        .meta({ default: 'total' }),
      expires_at: z
        .string(MOMENT)
        .refine((text) => z.iso.datetime({ offset: true }).safeParse(text).success, MOMENT)
        .refine((text) => !(Date.parse(text) <= Date.now()), MOMENT)
        .optional()
        .describe('Never when left out'),
    },
    'a JSON object',
  )
  .refine(({ budget_usd, budget_period }) => budget_period === undefined || budget_usd !== undefined, {
    path: ['budget_period'],
    error: 'only together with budget_usd',
  });

export const keyParams = z.strictObject({
  id: z.string().min(1).max(100, 'the id or the name of a key'),
});

export type KeyInput = z.input<typeof keyBody>;
export type KeyBody = z.output<typeof keyBody>;
