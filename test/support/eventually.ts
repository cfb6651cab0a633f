import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `look` gives something other than false, null or undefined; fails in the end, saying what for. */
export async function eventually<Seen>(
  what: string | (() => string),
  look: () => Seen | Promise<Seen>,
  limits: number | { withinMs: number; everyMs: number } = 10_000,
): Promise<NonNullable<Seen>> {
  const { withinMs, everyMs } = typeof limits === 'number' ? { withinMs: limits, everyMs: 100 } : limits;
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined) return seen;
    if (performance.now() > deadlineMs)
      throw new Error(`Not within ${withinMs / 1_000} s: ${typeof what === 'string' ? what : what()}`);
    await delay(everyMs);
  }
}
