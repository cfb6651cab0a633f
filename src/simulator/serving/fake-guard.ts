import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { ServingOrder } from '../backend.ts';

/** What a start script's guard goes by, all in seconds. */
const GuardOrder = z.object({
  api: z.url(),
  boot: z.number(),
  silence: z.number(),
  life: z.number(),
  look: z.number().positive(),
});
type GuardOrder = z.output<typeof GuardOrder>;

/** How far a guard has counted, in seconds; it outlives the container's restarts. */
export type GuardCount = { lived: number; silent: number; renewals: number };

export type FakeGuard = { stop(): void };

/**
 * Plays the guard of a start script that brings one, since nothing runs the script here: a renewal is one more
 * answered call of `/v1/models`; without any within its times the instance ends itself, with its own key, by the
 * market's own API. Null where the environment orders no guard, or holds no key of the instance.
 *
 * Apart from the real one: it lives in the market's process, so that it begins anew when that restarts.
 */
export function startFakeGuard(given: {
  readonly environment: ServingOrder['environment'];
  readonly count: GuardCount;
  /** Calls of `/v1/models` that were answered; 0 while nothing serves. */
  readonly renewals: () => number;
  readonly log: (line: string) => void;
}): FakeGuard | null {
  const { LEASH_GUARD: text, CONTAINER_ID: id, CONTAINER_API_KEY: key } = given.environment;
  if (!text || !id || !key) return null;
  const stopped = new AbortController();
  const guard = { ...given, order: GuardOrder.parse(JSON.parse(text)), id, key, signal: stopped.signal };
  void watch(guard).catch((error: unknown) => {
    if (!stopped.signal.aborted) given.log(`leash-guard: ${String(error)}`);
  });
  return { stop: () => stopped.abort() };
}

type Guard = Parameters<typeof startFakeGuard>[0] & {
  readonly order: GuardOrder;
  readonly id: string;
  readonly key: string;
  readonly signal: AbortSignal;
};

const PAUSE_SECONDS_MAX = 300;

async function watch(guard: Guard): Promise<void> {
  const { count, order, signal } = guard;
  let lookedAtMs = performance.now();
  let pauseSeconds = order.look;
  let tries = 0;
  while (!signal.aborted) {
    const nowMs = performance.now();
    count.lived += (nowMs - lookedAtMs) / 1_000;
    count.silent += (nowMs - lookedAtMs) / 1_000;
    lookedAtMs = nowMs;
    const renewals = guard.renewals();
    if (renewals !== 0 && renewals !== count.renewals) Object.assign(count, { renewals, silent: 0 });
    const why = whyEnd(count, order);
    tries = why === null ? 0 : tries + 1;
    if (why !== null) await end(guard, why, tries);
    pauseSeconds = why === null ? order.look : Math.min(pauseSeconds * 2, PAUSE_SECONDS_MAX);
    await delay(pauseSeconds * 1_000, undefined, { signal, ref: false });
  }
}

function whyEnd(count: GuardCount, order: GuardOrder): string | null {
  if (count.lived >= order.life) return 'its label has expired';
  if (count.silent < (count.renewals === 0 ? order.boot : order.silence)) return null;
  return count.renewals === 0 ? 'it was not served in time' : 'nobody has renewed its lease';
}

const TRIES_BEFORE_STOP = 3;

/** A DELETE; where that was not plainly accepted several times, a stop, which leaves the bill for the disk. */
async function end(guard: Guard, why: string, tries: number): Promise<void> {
  guard.log(`leash-guard: ending this instance: ${why}`);
  for (const [method, body] of [
    ['DELETE', {}] as const,
    ...(tries > TRIES_BEFORE_STOP ? [['PUT', { state: 'stopped' }] as const] : []),
  ]) {
    try {
      const answer = await fetch(`${guard.order.api}/api/v0/instances/${guard.id}/`, {
        method,
        headers: { authorization: `Bearer ${guard.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.any([guard.signal, AbortSignal.timeout(30_000)]),
      });
      const { success } = (await answer.json()) as { success?: boolean };
      guard.log(`leash-guard: ${method} ${success === true ? 'accepted' : 'refused'}`);
      if (success === true) return;
    } catch (error) {
      guard.log(`leash-guard: ${method} failed: ${error instanceof Error ? error.name : 'unknown'}`);
    }
  }
}
