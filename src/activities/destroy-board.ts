import type { DestroyResult } from '../domain/market.ts';
import type { VastClient } from '../vast/client.ts';

type Waiting = {
  readonly instanceId: number;
  readonly resolve: (result: DestroyResult) => void;
  readonly reject: (reason: unknown) => void;
};

/** Most ids of one bulk call, as the official client sends them. */
const BATCH_MAX = 64;
const CALL_MS = 20_000;

/**
 * One queue of DELETEs for everybody who gives back.
 *
 * The market takes one DELETE call every three seconds, so a hundred sessions that end together would bill for
 * five minutes more. Whoever waits while a call is under way goes into the next one, up to 64 ids at a time.
 */
export class DestroyBoard {
  readonly #vast: Pick<VastClient, 'destroyInstance' | 'destroyInstances'>;
  #waiting: Waiting[] = [];
  #isSending = false;

  constructor(vast: Pick<VastClient, 'destroyInstance' | 'destroyInstances'>) {
    this.#vast = vast;
  }

  /** What the market answered to the DELETE that named it. Throws what the client throws. */
  destroy(instanceId: number): Promise<DestroyResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ instanceId, resolve, reject });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) await this.#send(this.#takeBatch());
    this.#isSending = false;
  }

  /** Everybody who waits for the first 64 ids: one that is asked for twice is sent once. */
  #takeBatch(): Waiting[] {
    const ids = new Set(this.#waiting.map(({ instanceId }) => instanceId));
    const chosen = new Set([...ids].slice(0, BATCH_MAX));
    const batch = this.#waiting.filter(({ instanceId }) => chosen.has(instanceId));
    this.#waiting = this.#waiting.filter(({ instanceId }) => !chosen.has(instanceId));
    return batch;
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const ids = [...new Set(batch.map(({ instanceId }) => instanceId))];
    if (ids.length > 1 && (await this.#sendTogether(batch, ids))) return;
    for (const id of ids) await this.#sendAlone(batch, id);
  }

  /** False when the market refused them together: one bad id must not keep the others alive. */
  async #sendTogether(batch: readonly Waiting[], ids: readonly number[]): Promise<boolean> {
    try {
      const result = await this.#vast.destroyInstances(ids, { deadlineMs: Date.now() + CALL_MS });
      if (result.kind === 'refused') return false;
      // Which of them were gone already is not told: each is looked at by whoever wanted it gone.
      for (const { resolve } of batch) resolve({ kind: 'accepted' });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    return true;
  }

  async #sendAlone(batch: readonly Waiting[], instanceId: number): Promise<void> {
    const asking = batch.filter((waiting) => waiting.instanceId === instanceId);
    try {
      const result = await this.#vast.destroyInstance(instanceId, { deadlineMs: Date.now() + CALL_MS });
      for (const { resolve } of asking) resolve(result);
    } catch (error) {
      for (const { reject } of asking) reject(error);
    }
  }
}
