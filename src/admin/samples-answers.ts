import { z } from 'zod';

const time = z.iso.datetime();
const usd = z.number();
export const sampleAnswer = z.object({
  at: time,
  is_ok: z.boolean().nullable().describe('Whether the model answered; null where it was not asked'),
  spent_usd: usd.describe('Of the session so far, by our meter'),
  usd_per_hour: usd,
  requests_total: z
    .number()
    .describe('Finished by this vLLM process, a new one begins at 0; as before where it could not be read'),
  running: z.number(),
  waiting: z.number(),
  prompt_tokens_total: z.number(),
  generation_tokens_total: z.number(),
  gpu_util_percent: z.number().nullable().describe('As the host reports it, late or never'),
  gpu_temp_c: z.number().nullable(),
});

export const samplesAnswer = z.object({
  session: z.string(),
  run: z.string(),
  items: z.array(sampleAnswer).describe('Oldest first, one a look; thinned evenly where there are more'),
  forecast: z.object({
    usd_per_hour: usd,
    budget_usd: usd,
    projected_breach_at: time.nullable(),
    total_usd: usd
      .nullable()
      .describe('If nobody uses or extends it any more; once ended, what it came to; null before READY'),
  }),
});

export type SampleAnswer = z.output<typeof sampleAnswer>;
export type SamplesAnswer = z.output<typeof samplesAnswer>;
