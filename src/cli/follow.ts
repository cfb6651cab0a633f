import { setTimeout as delay } from 'node:timers/promises';
import type { StatusAnswer } from '../admin/answers.ts';
import { EXIT } from './exit-code.ts';
import { type AdminApi, type Answer, Refusal, Unreachable } from './http.ts';
import type { Watcher } from './watcher.ts';

export type Following = {
  readonly session: string;
  /** True at the look that ends it. */
  readonly until: (status: StatusAnswer) => boolean;
  readonly watcher: Watcher;
  readonly signal: AbortSignal;
  /** The look to begin with. */
  readonly seen?: Answer<StatusAnswer>;
  /** The person has been shown `seen`: only what changes from there on is news. */
  readonly isToldAlready?: boolean;
  readonly timeoutMs?: number;
};

export type Followed =
  | { readonly kind: 'there'; readonly answer: Answer<StatusAnswer> }
  | { readonly kind: 'left' }
  | { readonly kind: 'late'; readonly answer: Answer<StatusAnswer> | null };

const LOOK_INTERVAL_MS = 500;
/** A server that is being restarted is waited for: the session does not need it. */
const SERVER_PATIENCE_MS = 60_000;

/** Watches a session, telling what happens, until `until` is so, the caller leaves, or time is up. */
export async function follow(api: AdminApi, following: Following): Promise<Followed> {
  const { watcher, signal } = following;
  const deadlineMs = following.timeoutMs === undefined ? Infinity : Date.now() + following.timeoutMs;
  let answer: Answer<StatusAnswer> | null = following.seen ?? null;
  let before: StatusAnswer | null = following.isToldAlready === true ? (answer?.value ?? null) : null;
  while (!signal.aborted) {
    if (answer !== null) {
      watcher.seen(before, answer.value);
      if (following.until(answer.value)) return { kind: 'there', answer };
      before = answer.value;
    }
    if (Date.now() > deadlineMs) return { kind: 'late', answer };
    await delay(LOOK_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    // A look may take as long as a call may; who leaves is not kept for it.
    answer = await unlessAborted(lookPatiently(api, following), signal);
  }
  return { kind: 'left' };
}

/** A session that says it is over writes its receipt as its last word; one that was terminated writes none. */
const RECEIPT_PATIENCE_MS = 15_000;

/** Ends the watching of a session when it is over and its receipt is there, or will not come. */
export function untilEnded(): (status: StatusAnswer) => boolean {
  let endedSinceMs: number | null = null;
  return (status) => {
    if (status.state !== 'IDLE') return false;
    endedSinceMs ??= Date.now();
    const isReceiptDue = status.receipt === null && status.started_at !== null;
    return !isReceiptDue || Date.now() - endedSinceMs > RECEIPT_PATIENCE_MS;
  };
}

/** The gateway's table of sessions is a second behind; who calls at the first READY would be turned away. */
const GATEWAY_PATIENCE_MS = 5_000;

/**
 * Ends a launch's watching: over, or READY and the gateway sends there. A session that the gateway was told
 * not to use by itself is READY without it.
 */
export function untilUsable(): (status: StatusAnswer) => boolean {
  let readySinceMs: number | null = null;
  const hasEnded = untilEnded();
  return (status) => {
    if (hasEnded(status)) return true;
    if (status.state !== 'READY') return false;
    readySinceMs ??= Date.now();
    return status.provider !== null || Date.now() - readySinceMs > GATEWAY_PATIENCE_MS;
  };
}

/** Aborts at the first Ctrl-C; a second one ends the process as usual. */
export function onInterrupt(): { signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', abort);
      process.off('SIGTERM', abort);
    },
  };
}

async function lookPatiently(api: AdminApi, { session, watcher, signal }: Following) {
  const giveUpMs = Date.now() + SERVER_PATIENCE_MS;
  let isSaid = false;
  while (true) {
    try {
      return await api.status(session);
    } catch (error) {
      if (!isPassing(error) || Date.now() > giveUpMs) throw error;
      if (signal.aborted) return null;
      if (!isSaid)
        watcher.trouble('The server does not answer; the session goes on without it. Asking again.');
      isSaid = true;
      await delay(1_000, undefined, { signal }).catch(() => undefined);
    }
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise, resolve, reject } = Promise.withResolvers<T | null>();
  const onAbort = () => resolve(null);
  signal.addEventListener('abort', onAbort, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  return promise;
}

function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refusal && error.exitCode === EXIT.unreachable);
}
