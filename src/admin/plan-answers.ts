import { z } from 'zod';

/** What the market offers for a launch and what that would cost, in the words of the wire. `present-plan.ts` makes them. */
const usd = z.number();
const FACTORS = ['price', 'reliability', 'download', 'cuda', 'disk', 'memory'] as const;

const factor = z.object({
  value: z.number().describe('0 (worst) to 1 (best), against a fixed scale'),
  weight: z.number().describe('Its share of the score, by LEASH_SCORE_WEIGHTS'),
  points: z.number().describe('value × weight; all points together are the score'),
});

export const forecastAnswer = z.object({
  gpu_usd: usd,
  storage_usd: usd,
  image_usd: usd.describe('Download of the image'),
  weights_usd: usd.describe('Download of the weights'),
  total_usd: usd.describe('One keep-alive without use, from create to the end of billing'),
  at_ready_usd: usd.describe('Of it, what is spent when the session is READY'),
  minutes_to_ready: z.number(),
  billed_minutes: z.number(),
});

const serving = z.object({
  model: z.string().describe('What vLLM loads: the model itself, or a quantised form of it'),
  context_tokens: z.number().nullable(),
  vllm_args: z.array(z.string()),
  weights_gb: z.number(),
  vram_needed_mib: z.number(),
});

const offerFacts = {
  offer_id: z.number(),
  machine_id: z.number(),
  gpu: z.string(),
  gpu_ram_mib: z.number(),
  country: z.string().nullable(),
  is_verified: z.boolean(),
  is_datacenter: z.boolean(),
  reliability: z.number(),
  download_mbps: z.number(),
  usd_per_hour: usd.describe('GPU and disk, at our bid where we bid'),
};

export const offerAnswer = z.object({
  rank: z.int(),
  ...offerFacts,
  tier: z.string(),
  use_case: z.string(),
  score: z.number(),
  factors: z.object(Object.fromEntries(FACTORS.map((name) => [name, factor])) as FactorShape),
  gpu_usd_per_hour: usd,
  storage_usd_per_hour: usd,
  bid_usd_per_hour: usd.nullable(),
  usd_per_hour_whole: usd.describe('With the expected traffic, spread over the hours planned'),
  boot_minutes: z.number().describe('From create to READY'),
  forecast: forecastAnswer,
  serving,
  needed_usd: usd.describe('Checkpoint 2: what the budget must hold for one keep-alive and a teardown'),
  is_affordable: z.boolean(),
});

type FactorShape = Record<(typeof FACTORS)[number], typeof factor>;

const reason = z.object({ kind: z.string(), count: z.int(), example: z.string() });

const rejected = z.object({
  count: z.int(),
  by_reason: z.array(reason).describe('How many offers each reason speaks against, most frequent first'),
  items: z.array(
    z.object({
      ...offerFacts,
      tier: z.string().nullable(),
      reasons: z.array(z.object({ kind: z.string(), message: z.string() })),
    }),
  ),
});

export const offersAnswer = z.object({
  items: z.array(offerAnswer).describe('Those that may be rented, in the order they would be tried'),
  next: z.string().nullable().describe('Give it back as `after` for what follows; null at the end'),
  model: z.string(),
  disk_gb: z.number(),
  offers_seen: z.int(),
  offers_fit: z.int(),
  rejected: rejected.nullable().describe('With `explain=true`'),
  tiers: z.array(z.string()).describe('The names that `tier` may be, in the order of the table'),
});

export const planAnswer = z.object({
  model: z.string(),
  disk_gb: z.number(),
  keep_alive_minutes: z.number(),
  hedge: z.int(),
  offers_seen: z.int(),
  offers_fit: z.int(),
  first: offerAnswer.nullable().describe('The offer that would be tried first'),
  forecast: forecastAnswer.nullable().describe('Of the first offer; the receipt repeats its total'),
  offers: z.array(offerAnswer).describe('The twenty best'),
  rejected,
  tiers: z.array(
    z.object({
      name: z.string(),
      priority: z.int(),
      use_case: z.string(),
      gpu_names: z.array(z.string()),
      vram_gb: z.number(),
      usd_per_hour_max: usd,
      offers_seen: z.int(),
      offers_fit: z.int(),
      serving: serving.nullable().describe('On its best offer; null where none fits'),
      why: z.array(reason).describe('Why its other offers do not fit'),
    }),
  ),
  worst_case: z.object({
    at_most_usd: usd,
    bound_by: z.enum(['budget', 'lifetime']),
    budget_usd: usd,
    lifetime_minutes: z.number(),
    unbounded_usd: usd.describe(
      'What the dearest offer would cost over the whole lifetime, without a budget',
    ),
    margin_usd: usd.nullable().describe('Of the budget, kept back for drain, destroy and the billing tail'),
  }),
  checkpoints: z.object({
    reservation: z
      .object({
        asked_usd: usd,
        limit_usd: usd,
        spent_usd: usd,
        reserved_usd: usd,
        is_passed: z.boolean(),
      })
      .nullable()
      .describe('1, at launch: the whole budget is reserved. Null: no ledger answered'),
    offers: z
      .object({ affordable: z.int(), of: z.int(), least_needed_usd: usd.nullable() })
      .describe('2, before each create'),
    running: z
      .object({
        budget_ends_minutes_after_ready: z.number().nullable(),
        lifetime_ends_minutes_after_ready: z.number().nullable(),
      })
      .describe('3, while it runs and is used without pause'),
    extension: z
      .object({
        kept_at_most_minutes_after_ready: z.number().nullable(),
        bound_by: z.enum(['budget', 'lifetime']).nullable(),
      })
      .describe('4, at extend'),
  }),
  stopped_by: z
    .object({ checkpoint: z.int().nullable(), detail: z.string() })
    .nullable()
    .describe('What would keep this launch from renting at all; null: nothing'),
});

export type ForecastAnswer = z.output<typeof forecastAnswer>;
export type OfferAnswer = z.output<typeof offerAnswer>;
export type OffersAnswer = z.output<typeof offersAnswer>;
export type PlanAnswer = z.output<typeof planAnswer>;
