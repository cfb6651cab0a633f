import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `look` gives something other than false, null or undefined; fails after `withinMs` saying what for. */
export async function eventually<Seen>(
  what: string | (() => string),
  look: () => Seen | Promise<Seen>,
  withinMs = 10_000,
): Promise<NonNullable<Seen>> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined) return seen;
    if (performance.now() > deadlineMs)
      throw new Error(`Not within ${withinMs / 1_000} s: ${typeof what === 'string' ? what : what()}`);
    await delay(100);
  }
}
