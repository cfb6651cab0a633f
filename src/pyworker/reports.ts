import { statfs } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { ResolvedConfig } from './config.ts';
import { postToEngine } from './engine-call.ts';
import type { Load } from './load.ts';

/** Of the protocol, not of this package: another may be refused. */
export const PROTOCOL_VERSION = '1.1.0';

/** What the engine is told beside the load. */
export type Standing = {
  /** From start to ready; 0 until then. */
  readonly loadSeconds: number;
  /** Load per second; 0 until ready. */
  readonly maxPerf: number;
  readonly errorMessage: string;
};

const TICK_MS = 1_000;
const IDLE_MS = 10_000;
const GIB = 2 ** 30;

export type ReporterDeps = {
  readonly config: Pick<ResolvedConfig, 'reportAddresses' | 'containerId' | 'masterToken' | 'publicUrl'>;
  readonly load: Load;
  readonly standing: () => Standing;
  readonly logger: Logger;
};

/**
 * Tells the engine how the worker stands: what changed within a second, ready and errors at once, and every ten
 * seconds that it is there.
 *
 * 1. One report is under way at a time.
 * 2. What a report said is counted off once the engine has taken it; until then it is told again.
 */
export class Reporter {
  readonly #deps: ReporterDeps;
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #isPending = true;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #underWay: Promise<boolean> | null = null;
  #isUrgent = false;
  #diskGib = 0;
  #isFailing = false;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Something has changed that the next tick tells. */
  note(): void {
    this.#isPending = true;
  }

  /** Ready, or an error: the engine waits for that. */
  tellNow(): void {
    this.#isPending = true;
    this.#isUrgent = true;
    this.#send();
  }

  /** The last report; true when it was taken. */
  async close(signal: AbortSignal): Promise<boolean> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await this.#underWay;
    return this.#post(signal, 1);
  }

  #tick(): void {
    const isDue = this.#isPending || performance.now() - this.#sentAtMs >= IDLE_MS;
    if (isDue) this.#send();
  }

  #send(): void {
    if (this.#underWay !== null || this.#ending.signal.aborted) return;
    this.#isPending = false;
    this.#isUrgent = false;
    this.#underWay = this.#post(this.#ending.signal).then((isTaken) => {
      this.#underWay = null;
      if (!isTaken) this.#isPending = true;
      else if (this.#isUrgent) this.#send();
      return isTaken;
    });
  }

  async #post(signal: AbortSignal, tries?: number): Promise<boolean> {
    const { config, load, standing, logger } = this.#deps;
    const diskGib = await usedDiskGib();
    const told = load.told;
    const { loadSeconds, maxPerf, errorMessage } = standing();
    const body = {
      id: config.containerId,
      mtoken: config.masterToken,
      version: PROTOCOL_VERSION,
      loadtime: loadSeconds,
      cur_load: told.curLoad,
      rej_load: told.rejLoad,
      new_load: told.newLoad,
      error_msg: errorMessage,
      max_perf: maxPerf,
      cur_perf: told.curPerf,
      cur_capacity: 0,
      max_capacity: 0,
      num_requests_working: told.working,
      num_requests_recieved: told.received,
      additional_disk_usage: diskGib - (this.#diskGib || diskGib),
      disk_usage: diskGib,
      working_request_idxs: told.workingIdxs,
      url: config.publicUrl,
    };
    const { reportAddresses: addresses } = config;
    const isTaken = await postToEngine({
      addresses,
      path: '/worker_status/',
      body,
      signal,
      ...(tries && { tries }),
    });
    if (isTaken) {
      load.delivered(told);
      this.#diskGib = diskGib;
      this.#sentAtMs = performance.now();
    }
    if (isTaken === this.#isFailing && !signal.aborted) {
      this.#isFailing = !isTaken;
      if (isTaken) logger.info('the engine takes reports again');
      else logger.warn({ addresses }, 'the engine takes no report; what it would tell is kept');
    }
    return isTaken;
  }
}

async function usedDiskGib(): Promise<number> {
  const found = await statfs('/').catch(() => null);
  return found === null ? 0 : ((found.blocks - found.bfree) * found.bsize) / GIB;
}
