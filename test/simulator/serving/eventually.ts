import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `look` gives something other than false, null or undefined; fails after `withinMs` saying what for. */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 10_000,
): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined) return seen;
    if (performance.now() > deadlineMs) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await delay(10);
  }
}

/** The promise's value, or a failure that says what was awaited. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = 10_000): Promise<T> {
  const limit = new AbortController();
  const late = delay(limitMs, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`Not within ${limitMs} ms: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    limit.abort();
    late.catch(() => {});
  }
}

/** 'refused' when nothing answers at all, else the status. */
export async function statusOf(
  url: string,
  headers: Record<string, string> = {},
): Promise<number | 'refused'> {
  try {
    const response = await fetch(url, { headers: { connection: 'close', ...headers } });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 'refused';
  }
}
