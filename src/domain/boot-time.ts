/** How long a boot should take by what is to be moved and how fast, and how long it may take. */

/** What the listing says of the machine, and what it has to fetch. */
export type BootFacts = {
  readonly downloadMbps: number;
  readonly diskMbPerSecond: number;
  /** Compressed, as it is pulled. */
  readonly imageGb: number;
  readonly weightsGb: number;
  /** Share of the computed time to reckon with: 1 for the real market, 1/K for one whose machines boot K times faster. */
  readonly timeFactor?: number;
};

export type ExpectedBoot = { readonly pullMs: number; readonly loadMs: number; readonly totalMs: number };

/** From create to READY, in the two phases that have deadlines of their own. */
export function expectedBoot(facts: BootFacts): ExpectedBoot {
  const factor = facts.timeFactor ?? 1;
  const pull = CONTAINER_START_MS + fetchMs(facts.imageGb, facts) + diskMs(facts.imageGb * UNPACKING, facts);
  const load = ENGINE_START_MS + fetchMs(facts.weightsGb, facts) + diskMs(facts.weightsGb, facts);
  const pullMs = Math.round(pull * factor);
  const loadMs = Math.round(load * factor);
  return { pullMs, loadMs, totalMs: pullMs + loadMs };
}

export type PhaseDeadlines = {
  /** Create to `running`. */
  readonly bootDeadlineMs: number;
  /** `running` to READY. */
  readonly vllmDeadlineMs: number;
};

/**
 * How long each phase may last before it counts as failed.
 *
 * A slow start is no failure: listed bandwidth is a best case, so the expected time is multiplied, and cheap
 * enough waiting (a loading instance pays no GPU) is never cut short. The cap of the whole attempt stands above both.
 */
export function phaseDeadlines(facts: BootFacts & { readonly maxStartupMs: number }): PhaseDeadlines {
  const { pullMs, loadMs } = expectedBoot(facts);
  const atMostCap = (ms: number) => Math.min(facts.maxStartupMs, Math.round(ms));
  return {
    bootDeadlineMs: atMostCap(Math.max(BOOT_FLOOR_MS, pullMs * PATIENCE)),
    vllmDeadlineMs: atMostCap(Math.max(VLLM_FLOOR_MS, loadMs * PATIENCE)),
  };
}

/** The order reaches the machine, the container is made, ports are mapped. */
const CONTAINER_START_MS = 20_000;
/** Engine start, compilation and graph capture: hardly dependent on the model's size. */
const ENGINE_START_MS = 60_000;
/** Layers grow by this much when they are unpacked (vLLM's: 10 GB to 25 GB). */
const UNPACKING = 2.5;
/** No single download was seen faster, whatever the line: registry and hub throttle. */
const FETCH_MBPS_MAX = 2_000;
/** Listed figures may be 0 or missing. */
const MBPS_MIN = 1;
const DISK_MB_PER_SECOND_MIN = 20;

const PATIENCE = 2.5;
const BOOT_FLOOR_MS = 180_000;
const VLLM_FLOOR_MS = 240_000;

function fetchMs(gb: number, { downloadMbps }: BootFacts): number {
  const mbps = Math.min(FETCH_MBPS_MAX, Math.max(MBPS_MIN, downloadMbps));
  return (gb * 8_000_000) / mbps;
}

function diskMs(gb: number, { diskMbPerSecond }: BootFacts): number {
  return (gb * 1_000_000) / Math.max(DISK_MB_PER_SECOND_MIN, diskMbPerSecond);
}
