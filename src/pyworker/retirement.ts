import type { Logger } from 'pino';
import type { ResolvedConfig } from './config.ts';
import { postToEngine } from './engine-call.ts';
import type { Retired } from './load.ts';

const TICK_MS = 1_000;
/** In one post. */
const BATCH_MAX = 5_000;
/** Kept for an engine that takes none: some hours of a busy worker. */
const KEPT_MAX = 200_000;
/** An address in REPORT_ADDR that is no engine. */
const NO_ENGINE = 'https://cloud.vast.ai/api/v0';

export type RetirementDeps = {
  readonly config: Pick<ResolvedConfig, 'reportAddresses' | 'containerId' | 'masterToken'>;
  readonly logger: Logger;
};

/** Tells the engine which requests it may forget, and keeps each until it has taken it. */
export class Retirement {
  readonly #deps: RetirementDeps;
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #kept: Retired[] = [];
  #underWay: Promise<void> | null = null;

  constructor(deps: RetirementDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  add(retired: Retired): void {
    if (this.#kept.length >= KEPT_MAX) {
      this.#deps.logger.warn(
        { dropped: BATCH_MAX },
        'the engine takes no retired requests: the oldest are given up',
      );
      this.#kept.splice(0, BATCH_MAX);
    }
    this.#kept.push(retired);
  }

  /** The last of them. */
  async close(signal: AbortSignal): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await this.#underWay;
    while (this.#kept.length > 0 && (await this.#post(signal, 1)));
  }

  #tick(): void {
    if (this.#kept.length === 0 || this.#underWay !== null) return;
    this.#underWay = this.#post(this.#ending.signal).then(() => {
      this.#underWay = null;
    });
  }

  async #post(signal: AbortSignal, tries?: number): Promise<boolean> {
    const { containerId, masterToken, reportAddresses } = this.#deps.config;
    const batch = this.#kept.slice(0, BATCH_MAX);
    const body = { worker_id: containerId, mtoken: masterToken, requests: batch.map(wireOf) };
    const addresses = reportAddresses.filter((address) => address !== NO_ENGINE);
    const path = '/delete_requests/';
    const isTaken = await postToEngine({ addresses, path, body, signal, ...(tries && { tries }) });
    if (isTaken) {
      const told = new Set(batch);
      this.#kept = this.#kept.filter((retired) => !told.has(retired));
    }
    return isTaken;
  }
}

function wireOf({ requestIdx, outcome, ...times }: Retired) {
  return {
    request_idx: requestIdx,
    // A caller that went away got what it wanted, as the engine counts.
    success: outcome === 'Success' || outcome === 'Cancelled',
    status: outcome,
    entered_queue_at: times.enteredQueueAtSec,
    work_started_at: times.workStartedAtSec,
    work_completed_at: times.workCompletedAtSec,
  };
}
