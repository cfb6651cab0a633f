import type { FastifyPluginAsync } from 'fastify';
import type { Samples, Sessions } from '../client.ts';
import { type SamplesAnswer, samplesAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { dollars, instant, time } from './present.ts';
import { samplesQuery, sessionParams } from './schema.ts';

/** `/api/admin/sessions/:name/samples`: what each look of supervision saw, for charts. */
export const samplesRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/sessions/:name/samples', { schema: SAMPLES }, async (request) => {
      const { params, query } = parseInput({
        params: { schema: sessionParams, given: request.params },
        query: { schema: samplesQuery, given: request.query },
      });
      return presentSamples(
        await sessions.samples({
          session: params.name,
          sinceMs: query.since === undefined ? null : Date.parse(query.since),
          limit: Number(query.limit),
        }),
      );
    });
  };

function presentSamples({ session, run, items, forecast }: Samples): SamplesAnswer {
  const requests = standingStill(items, ({ requestsTotal }) => requestsTotal);
  const prompts = standingStill(items, ({ promptTokensTotal }) => promptTokensTotal);
  const generated = standingStill(items, ({ generationTokensTotal }) => generationTokensTotal);
  return {
    session,
    run,
    items: items.map((sample, at) => ({
      at: instant(sample.atMs),
      is_ok: sample.isOk,
      spent_usd: dollars(sample.spentUsd),
      usd_per_hour: dollars(sample.usdPerHour),
      requests_total: requests[at] ?? 0,
      running: sample.running ?? 0,
      waiting: sample.waiting ?? 0,
      prompt_tokens_total: prompts[at] ?? 0,
      generation_tokens_total: generated[at] ?? 0,
      gpu_util_percent: sample.gpuUtilPercent,
      gpu_temp_c: sample.gpuTempC,
    })),
    forecast: {
      usd_per_hour: dollars(forecast.usdPerHour),
      budget_usd: dollars(forecast.budgetUsd),
      projected_breach_at: time(forecast.projectedBreachAtMs),
      total_usd: forecast.totalUsd === null ? null : dollars(forecast.totalUsd),
    },
  };
}

type Sample = Samples['items'][number];

/** A counter that could not be read stands still: read as 0, it would look like a new process, and then like a rush. */
function standingStill(items: readonly Sample[], count: (sample: Sample) => number | null): number[] {
  let last = items.map(count).find((value) => value !== null) ?? 0;
  return items.map((sample) => {
    last = count(sample) ?? last;
    return last;
  });
}

const SAMPLES = describeCall({
  summary: 'What each look at the newest session of a name saw: health, cost, use, GPU; and its forecast',
  query: samplesQuery,
  answers: { 200: { is: 'Samples, oldest first, kept for 14 days', schema: samplesAnswer } },
});
