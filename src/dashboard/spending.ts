import type { StatusAnswer } from '../admin/answers.ts';
import { heardAtMs } from './live.ts';

const MS_PER_HOUR = 3_600_000;

/** States in which a GPU is billed by the second; while an image loads only its disk is. */
const BILLED: ReadonlySet<StatusAnswer['state']> = new Set(['STARTING_VLLM', 'READY']);

/** Dollars up to now: what was last told, and since then what burns. */
export function spentNow(status: StatusAnswer, nowMs: number): number {
  const { spent_usd } = status.budget;
  if (!BILLED.has(status.state) || status.usd_per_hour === null) return spent_usd;
  const sinceMs = Math.max(0, nowMs - heardAtMs(status));
  return spent_usd + (status.usd_per_hour * sinceMs) / MS_PER_HOUR;
}
