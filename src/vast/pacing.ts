import { setMaxListeners } from 'node:events';

/** Vast's calls by our names; `destroy` is also the bulk call. */
export const VAST_CALLS = [
  'search',
  'create',
  'list',
  'show',
  'destroy',
  'label',
  'start',
  'stop',
  'logs',
  'user',
  'keys',
  'charges',
  'invoices',
  'volumes',
  'templates',
  'endpoints',
  'workergroups',
  'engine',
] as const;
export type VastCall = (typeof VAST_CALLS)[number];

/**
 * Least time between two calls, ms: Vast's documented thresholds; of search, the window of its budget. Label, start and stop are one endpoint (`PUT /instances/{id}/`) and share one queue.
 */
const THRESHOLD_MS = {
  search: 60_000,
  create: 4_500,
  list: 1_000,
  show: 2_000,
  destroy: 3_000,
  manage: 1_000,
  logs: 1_000,
  user: 1_000,
  keys: 1_000,
  charges: 1_000,
  invoices: 3_000,
  volumes: 5_500,
  templates: 3_000,
  endpoints: 3_000,
  workergroups: 2_000,
  // The serverless engine names no limit.
  engine: 1_000,
} as const;
type Endpoint = keyof typeof THRESHOLD_MS;

/** Search is a budget instead of an interval: ten calls in a minute, which may come at once. */
const CALLS_PER_WINDOW: { readonly [endpoint in Endpoint]?: number } = { search: 10 };

/** Calls leave evenly and arrive a little unevenly: without this, a threshold kept exactly is sometimes broken. */
const MARGIN = 0.03;
/** What makes them uneven does not grow with the wait: a busy process, a connection that must be made anew. */
const MARGIN_MS_MIN = 50;
const HOLD_MS_MIN = 50;
const HOLD_MS_MAX = 60_000;

export type Turn = { readonly signal?: AbortSignal | undefined; readonly deadlineMs: number };

/** Whose turn it is, per endpoint, in order of arrival. One pacer serves every client of one key and address. */
export type Pacer = {
  /** Resolves when the call may be sent. Throws `NoTurn`, or the signal's reason. */
  awaitTurn(call: VastCall, turn: Turn): Promise<void>;
  /** After a 429: nobody calls this endpoint for its threshold or `retryAfterMs`, longer each time in a row. */
  holdBack(call: VastCall, retryAfterMs: number | null): void;
  /** After any other answer: the next 429 is a first one again. */
  release(call: VastCall): void;
};

/** No turn was to be had: the queue is full, or the deadline comes first. */
export class NoTurn extends Error {
  override readonly name = 'NoTurn';
}

/** `rateScale` multiplies every wait but a `Retry-After`; 0 turns pacing off. */
export function createPacer({
  rateScale = 1,
  queueMax = 1_000,
  random = Math.random,
}: {
  rateScale?: number;
  queueMax?: number;
  random?: () => number;
} = {}): Pacer {
  const queues = new Map<Endpoint, Queue>();
  const queueOf = (call: VastCall): Queue => {
    const endpoint = endpointOf(call);
    const known = queues.get(endpoint);
    if (known) return known;
    const made = createQueue({
      calls: CALLS_PER_WINDOW[endpoint] ?? 1,
      windowMs: THRESHOLD_MS[endpoint] * rateScale,
      queueMax,
      random,
    });
    queues.set(endpoint, made);
    return made;
  };
  return {
    awaitTurn: (call, turn) => queueOf(call).awaitTurn(turn),
    holdBack: (call, retryAfterMs) => queueOf(call).holdBack(retryAfterMs),
    release: (call) => queueOf(call).release(),
  };
}

function endpointOf(call: VastCall): Endpoint {
  return call === 'label' || call === 'start' || call === 'stop' ? 'manage' : call;
}

type Queue = {
  awaitTurn(turn: Turn): Promise<void>;
  holdBack(retryAfterMs: number | null): void;
  release(): void;
};

/** Times in here are of the monotonic clock: a step of the wall clock must neither stall nor flood. */
function createQueue(options: {
  calls: number;
  windowMs: number;
  queueMax: number;
  random: () => number;
}): Queue {
  const { calls, windowMs, queueMax, random } = options;
  const spacedMs = windowMs === 0 ? 0 : windowMs + Math.max(windowMs * MARGIN, MARGIN_MS_MIN);
  /** When the newest calls were admitted, oldest first; never more than a window holds. */
  const admitted: number[] = [];
  const waiting: (() => void)[] = [];
  let nextAt = Number.NEGATIVE_INFINITY;
  let heldUntil = Number.NEGATIVE_INFINITY;
  let refusalsInARow = 0;
  let timer: NodeJS.Timeout | undefined;

  const admit = (): void => {
    clearTimeout(timer);
    timer = undefined;
    while (waiting.length > 0) {
      const waitMs = Math.max(nextAt, heldUntil) - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(admit, Math.ceil(waitMs));
        return;
      }
      admitted.push(performance.now());
      if (admitted.length > calls) admitted.shift();
      const [oldest] = admitted;
      if (oldest !== undefined && admitted.length === calls) nextAt = oldest + spacedMs;
      waiting.shift()?.();
    }
  };

  return {
    awaitTurn: ({ signal, deadlineMs }) => {
      if (signal?.aborted) return Promise.reject(signal.reason);
      const leftMs = deadlineMs - Date.now();
      const soonestMs = Math.max(nextAt, heldUntil) - performance.now();
      // Joining a queue that cannot move before the deadline would only hide the reason until then.
      if (leftMs <= 0 || soonestMs > leftMs) return Promise.reject(new NoTurn('no turn before the deadline'));
      if (waiting.length >= queueMax)
        return Promise.reject(new NoTurn(`${queueMax} calls are waiting already`));
      return new Promise((resolve, reject) => {
        const leave = (reason: unknown): void => {
          const place = waiting.indexOf(enter);
          if (place >= 0) waiting.splice(place, 1);
          settle();
          reject(reason);
        };
        const enter = (): void => {
          settle();
          resolve();
        };
        const onAbort = (): void => leave(signal?.reason);
        const late = setTimeout(
          () => leave(new NoTurn('no turn before the deadline')),
          Math.min(leftMs, 2 ** 31 - 1),
        );
        const settle = (): void => {
          clearTimeout(late);
          signal?.removeEventListener('abort', onAbort);
        };
        // Many calls of one activity wait under one signal; that is no leak, as each listener is removed.
        if (signal) setMaxListeners(0, signal);
        signal?.addEventListener('abort', onAbort);
        waiting.push(enter);
        admit();
      });
    },
    holdBack: (retryAfterMs) => {
      const now = performance.now();
      // Calls in flight together are refused together: one refusal, not several in a row.
      if (now >= heldUntil) refusalsInARow += 1;
      const backOffMs = Math.max(windowMs / calls, HOLD_MS_MIN) * 2 ** Math.min(refusalsInARow - 1, 16);
      const holdMs = Math.max(Math.min(backOffMs, HOLD_MS_MAX), retryAfterMs ?? 0) * (1 + 0.25 * random());
      heldUntil = Math.max(heldUntil, now + holdMs);
    },
    release: () => {
      if (performance.now() >= heldUntil) refusalsInARow = 0;
    },
  };
}
