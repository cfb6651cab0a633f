import { type InstanceFacts, meterWith } from './attempt.ts';
import { costAt, type Meter } from './meter.ts';

/** What one look at a READY session saw: for curves that people read. Nothing is decided by it. */
export type SessionSample = {
  readonly session: string;
  readonly run: string;
  readonly instanceId: number;
  readonly atMs: number;
  /** Whether the model answered as it should; null where it was not asked. */
  readonly isOk: boolean | null;
  /** Of the whole session so far, by our meter. */
  readonly spentUsd: number;
  readonly usdPerHour: number;
  /** Counters of this vLLM process, null where its metrics could not be read. */
  readonly requestsTotal: number | null;
  readonly running: number | null;
  readonly waiting: number | null;
  readonly promptTokensTotal: number | null;
  readonly generationTokensTotal: number | null;
  /** As its host reports them, late or never. */
  readonly gpuUtilPercent: number | null;
  readonly gpuTempC: number | null;
};

/** The session's money when a slice of supervision began: its serving meter, and what its other attempts cost. */
export type MoneyAtStart = { readonly meter: Meter; readonly otherUsd: number };

/** Dollars of the session at `nowMs`, by the newest facts of its contract. */
export function spentUsdAt(
  { meter, otherUsd }: MoneyAtStart,
  facts: InstanceFacts | null,
  nowMs: number,
): number {
  return otherUsd + costAt(facts === null ? meter : meterWith(meter, facts), nowMs).total;
}

/** How long samples are kept: what charts show, not what is accounted by. */
export const SAMPLES_KEPT_MS = 14 * 24 * 3_600_000;
/** Most of one answer; more are thinned evenly, the newest among those that stay. */
export const SAMPLES_MAX = 1_500;
