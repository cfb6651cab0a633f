import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';

const CALL_MS = 10_000;
const EVERY_MS = 10_000;
/** While it is waited for. */
const SOON_MS = 1_000;
const FIRST_MS = 300_000;

/** Apart from the requests' connections: a check must not wait behind them. */
const connections = new Agent({ connections: 1, connect: { timeout: CALL_MS } });

/** Waits for the first 200. Throws when five minutes bring none; returns when aborted. */
export async function awaitHealthy(url: string, signal: AbortSignal): Promise<void> {
  const untilMs = performance.now() + FIRST_MS;
  for (;;) {
    const trouble = await troubleAt(url, signal);
    if (trouble === null || signal.aborted) return;
    if (performance.now() > untilMs) throw new Error(`Healthcheck did not succeed in 300 s: ${trouble}`);
    await pause(SOON_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Looks every ten seconds until aborted, and tells what it found: null where all is well. */
export async function watchHealth(
  url: string,
  signal: AbortSignal,
  tell: (trouble: string | null) => void,
): Promise<void> {
  while (!signal.aborted) {
    await pause(EVERY_MS, undefined, { signal }).catch(() => undefined);
    const trouble = await troubleAt(url, signal);
    if (!signal.aborted) tell(trouble);
  }
}

async function troubleAt(url: string, signal: AbortSignal): Promise<string | null> {
  try {
    const answer = await request(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
      dispatcher: connections,
    });
    await answer.body.dump();
    return answer.statusCode === 200 ? null : `Healthcheck failed with status: ${answer.statusCode}`;
  } catch (error) {
    return `Healthcheck failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}
