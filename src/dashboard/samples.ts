import type { StatusAnswer } from '../admin/answers.ts';
import { nowMs } from './clock.ts';
import { type Resource, useResource } from './resource.ts';

/** What was measured of a session, one row a look. */
export type SampleAnswer = {
  readonly at: string;
  readonly is_ok: boolean | null;
  readonly spent_usd: number;
  readonly usd_per_hour: number;
  readonly requests_total: number;
  readonly running: number;
  readonly waiting: number;
  readonly prompt_tokens_total: number;
  readonly generation_tokens_total: number;
  readonly gpu_util_percent: number | null;
  readonly gpu_temp_c: number | null;
};
export type SamplesAnswer = {
  readonly session: string;
  readonly run: string;
  readonly items: readonly SampleAnswer[];
  readonly forecast: {
    readonly usd_per_hour: number | null;
    readonly budget_usd: number;
    readonly projected_breach_at: string | null;
    readonly total_usd: number | null;
  };
};

const EVERY_MS = 30_000;
const RECENT_EVERY_MS = 60_000;
const QUARTER_MS = 15 * 60_000;

/** All samples of a session, again every half minute while it is open. */
export function useSamples({ session, state }: Pick<StatusAnswer, 'session' | 'state'>) {
  return useResource<SamplesAnswer>(pathOf(session), { everyMs: state === 'IDLE' ? undefined : EVERY_MS });
}

/** Those of the last hour and a little more, while `isWanted`. */
export function useRecentSamples(session: string, isWanted: boolean): Resource<SamplesAnswer> {
  // By the quarter hour, so that the question stays the same for a while.
  const quarter = Math.floor(nowMs.value / QUARTER_MS);
  const since = new Date((quarter - 4) * QUARTER_MS).toISOString();
  const path = isWanted ? `${pathOf(session)}?since=${since}` : null;
  return useResource<SamplesAnswer>(path, { everyMs: RECENT_EVERY_MS, keepsLast: true });
}

function pathOf(session: string): string {
  return `/api/admin/sessions/${session}/samples`;
}

/** Change per second of a counter between two looks; null over a restart, where it begins again at zero. */
export function ratesOf(
  samples: readonly SampleAnswer[],
  counter: (sample: SampleAnswer) => number,
): (number | null)[] {
  return samples.map((sample, index) => {
    const before = samples[index - 1];
    if (before === undefined) return null;
    const seconds = (Date.parse(sample.at) - Date.parse(before.at)) / 1_000;
    const grown = counter(sample) - counter(before);
    return seconds <= 0 || grown < 0 ? null : grown / seconds;
  });
}
