import { z } from 'zod';

/** Settings of the gateway: a part of the one schema in `config.ts`, apart for its length alone. */
const seconds = z.coerce.number().positive();
const count = z.coerce.number().int().positive();
const notNegative = z.coerce.number().nonnegative();
const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off'])
  .transform((word) => ['true', '1', 'yes', 'on'].includes(word));
const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''));

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
});

const providerName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a-z, 0-9 and -, at most 40');
const OWN_NAMES = ['modal', 'vastai', 'anthropic'];

/** A key stands in an environment variable of its own: in JSON it would be printed with it. */
const furtherProvider = z.strictObject({
  name: providerName.refine((name) => !OWN_NAMES.includes(name), 'not modal, vastai or anthropic'),
  url,
  api_key_env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable')
    .optional(),
  models: z.array(z.string().min(1).max(200)).min(1, 'at least one model').max(200),
  usd_per_million_tokens: notNegative.optional(),
});

const modelMap = z.record(
  z.string(),
  z.union([z.literal('default'), z.record(z.string(), z.string().min(1))]),
);

export const gatewaySettings = {
  GATEWAY_ORDER: z
    .string()
    .default('modal,vastai,anthropic')
    .transform((text) => text.split(',').map((name) => name.trim()))
    .pipe(z.array(providerName))
    .describe('Providers as they are asked, by name; those not named come after, in their own order'),
  GATEWAY_POLICY: z
    .enum(['priority', 'cheapest'])
    .default('priority')
    .describe('`priority`: in the order above; `cheapest`: by dollars per million tokens, a rented GPU at 0'),
  GATEWAY_PROVIDERS: json
    .pipe(
      z
        .array(furtherProvider)
        .max(50)
        .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'each name once'),
    )
    .prefault('[]')
    .describe(
      'JSON list of further OpenAI-compatible providers: `[{"name", "url", "models", "api_key_env"?, "usd_per_million_tokens"?}]`; the first model is its default, the key is in the variable that `api_key_env` names',
    ),
  GATEWAY_MODEL_MAP: json
    .pipe(modelMap)
    .prefault('{}')
    .describe(
      'JSON object of model names that callers use: `{"gpt-4o": "default"}`, or a name for each provider, `{"small": {"vastai": "Qwen/Qwen2.5-7B-Instruct", "anthropic": "default"}}`',
    ),
  GATEWAY_MODEL_FALLBACK: flag
    .default(false)
    .describe(
      'Let a request that names a model be answered by another provider’s own model where nobody serves the named one',
    ),
  GATEWAY_CONNECT_SECONDS: seconds.default(5).describe('For a connection to a provider'),
  GATEWAY_FIRST_EVENT_SECONDS: seconds.default(120).describe('Until the first event of a stream'),
  GATEWAY_FIRST_BYTE_SECONDS: seconds
    .default(300)
    .describe('Until an answer that is not streamed begins; its generation is in it'),
  GATEWAY_BETWEEN_CHUNKS_SECONDS: seconds.default(120).describe('Between two chunks of an answer'),
  GATEWAY_COLD_START_SECONDS: seconds
    .default(150)
    .describe('The least that Modal is given for its first byte: its container may have to start'),
  GATEWAY_MAX_ATTEMPTS: count.default(5).describe('Most places that are asked for one request'),
  GATEWAY_MAX_CONCURRENT: count
    .default(1_000)
    .describe('Most requests under way at once; one more is answered 429'),
  GATEWAY_BREAKER_FAILURES: count
    .default(3)
    .describe('Failures in a row after which a provider (of Vast.ai: an instance) rests'),
  GATEWAY_BREAKER_OPEN_SECONDS: seconds
    .default(5)
    .describe('First rest, after which one request tries it; each that fails doubles it, up to a minute'),
  GATEWAY_AUTO_LAUNCH: flag
    .default(false)
    .describe(
      'A request that finds no GPU launches the session `default` with LEASH_MODEL, within the budget',
    ),
  GATEWAY_WAIT_SECONDS: notNegative
    .default(0)
    .describe('How long a request that nobody can serve waits for somebody, before it is answered 503'),
} as const;
