import { setTimeout as delay } from 'node:timers/promises';

export type Waited<T> = { kind: 'done'; value: T } | { kind: 'late'; lastError: unknown };

/**
 * Calls `attempt` until it does not throw, or until `timeoutMs` have passed, or `signal` is aborted.
 *
 * An attempt that hangs is left behind at the deadline: none may hold up the answer.
 */
export async function untilDeadline<T>(
  timeoutMs: number,
  attempt: () => Promise<T>,
  { pauseMs = 100, signal }: { pauseMs?: number; signal?: AbortSignal } = {},
): Promise<Waited<T>> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const ended = signal ? AbortSignal.any([deadline, signal]) : deadline;
  let lastError: unknown = new Error('no answer');
  while (!ended.aborted) {
    try {
      return { kind: 'done', value: await orAborted(attempt(), ended) };
    } catch (error) {
      if (ended.aborted) break;
      lastError = error;
    }
    await delay(pauseMs, undefined, { signal: ended }).catch(() => undefined);
  }
  return { kind: 'late', lastError };
}

/** What an error says, in one line. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]?.trim().replace(/[.:]$/, '') ?? '';
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Error('no answer'));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
