import type { SamplesAnswer, StatusAnswer } from '../admin/answers.ts';
import { nowMs } from './clock.ts';
import { type Resource, useResource } from './resource.ts';

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
