import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';

const CALL_MS = 10_000;
const TRIES = 3;
const PAUSE_MS = 2_000;

/** Kept apart from the model's connections, and few: one report is under way at a time. */
const connections = new Agent({ connections: 2, keepAliveTimeout: 30_000, connect: { timeout: CALL_MS } });

export type EnginePost = {
  readonly addresses: readonly string[];
  readonly path: string;
  readonly body: object;
  readonly signal: AbortSignal;
  /** How often each address is tried (3). */
  readonly tries?: number;
};

/** True once one of the addresses has taken it; each is tried a few times before the next. */
export async function postToEngine({
  addresses,
  path,
  body,
  signal,
  tries = TRIES,
}: EnginePost): Promise<boolean> {
  for (const address of addresses) {
    for (let nth = 1; nth <= tries; nth += 1) {
      if (await isTaken(`${address}${path}`, body, signal)) return true;
      if (signal.aborted) return false;
      if (nth < tries) await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  return false;
}

async function isTaken(url: string, body: object, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
      dispatcher: connections,
    });
    await answer.body.dump();
    return answer.statusCode < 400;
  } catch {
    return false;
  }
}

/** The text at a path of an address. Throws with why it could not be had. */
export async function getFromEngine(url: string, signal: AbortSignal): Promise<string> {
  const answer = await request(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
    dispatcher: connections,
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 400) throw new Error(`it answered ${answer.statusCode}`);
  return text;
}
