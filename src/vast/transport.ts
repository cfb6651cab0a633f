import { Agent, type Dispatcher, request } from 'undici';
import type { Answer } from './answer.ts';
import { MarketError, OUR_CODES } from './market-error.ts';

/** One HTTP request to Vast. */
export type VastRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the API's URL, such as `/api/v0/bundles/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Values in the body that must not be quoted from the reply; the key is added to them. */
  readonly secrets?: readonly string[];
  /** Ends the sentence "Cannot …". */
  readonly tried: string;
};

export type Bounds = { readonly signal?: AbortSignal | undefined; readonly deadlineMs: number };

export type Transport = {
  /**
   * Sends once, follows no redirect and repeats nothing. Throws a `MarketError` when no complete answer came
   * in time, or the signal's reason.
   */
  send(request: VastRequest, bounds: Bounds): Promise<Answer>;
  /** Like `send`, on a connection of its own: a kept-alive one can be closed under a request, and then nobody knows. */
  sendOnFreshConnection(request: VastRequest, bounds: Bounds): Promise<Answer>;
  /** Reads a file that Vast points to, without the key; keeps the newest `bytesMax`. */
  fetchFile(url: URL, bounds: Bounds & { bytesMax: number }): Promise<{ status: number; text: string }>;
  close(): Promise<void>;
};

export type TransportOptions = { apiUrl: string; apiKey: string; timeoutMs: number; userAgent: string };

/** A page of 25 instances with all their environments is below 2 MB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

export function createTransport({ apiUrl, apiKey, timeoutMs, userAgent }: TransportOptions): Transport {
  const base = apiUrl.replace(/\/+$/, '');
  const { origin } = new URL(base);
  const timeouts = {
    connect: { timeout: Math.min(CONNECT_TIMEOUT_MS, timeoutMs) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    allowH2: false,
  };
  const keptAlive = new Agent({ ...timeouts, connections: 32 });
  // Pipelining 0 closes the connection after each answer.
  const fresh = new Agent({ ...timeouts, pipelining: 0 });

  const sendOver = async (dispatcher: Dispatcher, vastRequest: VastRequest, bounds: Bounds) => {
    const { method, path, query, body, tried } = vastRequest;
    const url = new URL(`${base}${path}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const headers: Record<string, string> = {
      authorization: `Bearer ${apiKey}`,
      accept: 'application/json',
      'user-agent': userAgent,
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const payload = body === undefined ? {} : { body: JSON.stringify(body) };
    return withinBounds({ tried, origin, timeoutMs, ...bounds }, async (signal) => {
      const reply = await request(url, { dispatcher, method, headers, signal, ...payload });
      return toAnswer(reply, await readWhole(reply.body), [apiKey, ...(vastRequest.secrets ?? [])]);
    });
  };

  return {
    send: (vastRequest, bounds) => sendOver(keptAlive, vastRequest, bounds),
    sendOnFreshConnection: (vastRequest, bounds) => sendOver(fresh, vastRequest, bounds),
    fetchFile: (url, { bytesMax, ...bounds }) =>
      withinBounds(
        { tried: 'fetch a log file', origin: url.origin, timeoutMs, ...bounds },
        async (signal) => {
          const headers = { 'user-agent': userAgent };
          const reply = await request(url, { dispatcher: fresh, headers, signal });
          return { status: reply.statusCode, text: await readNewest(reply.body, bytesMax) };
        },
      ),
    close: async () => {
      await Promise.all([keptAlive.close(), fresh.close()]);
    },
  };
}

type Exchange = Bounds & { readonly tried: string; readonly origin: string; readonly timeoutMs: number };

/** Ends `work` at the time-out, the deadline or the caller's signal, and leaves no timer or listener behind. */
async function withinBounds<Result>(
  exchange: Exchange,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { signal, deadlineMs, timeoutMs } = exchange;
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const timer = setTimeout(stop, Math.max(1, Math.min(timeoutMs, deadlineMs - Date.now())));
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  try {
    return await work(controller.signal);
  } catch (error) {
    throw explain(error, exchange, controller.signal.aborted);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

async function readWhole(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The newest `bytesMax`; what is longer than `FILE_BYTES_MAX` is cut there, as someone may write for ever. */
async function readNewest(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  let kept = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    kept = Buffer.concat([kept, chunk]);
    if (kept.length > 2 * bytesMax) kept = kept.subarray(-bytesMax);
    if (bytes > FILE_BYTES_MAX) break;
  }
  return kept.subarray(-bytesMax).toString('utf8');
}

class TooLarge extends Error {}

function toAnswer(reply: Dispatcher.ResponseData, body: string, secrets: readonly string[]): Answer {
  const json = parseJson(body);
  return {
    status: reply.statusCode,
    json,
    body,
    retryAfterMs: readRetryAfterMs(reply.headers, json),
    secrets,
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** `Retry-After` in seconds or as a date, the daily quota's `X-RateLimit-Reset`, or `retry_after` in the body. */
function readRetryAfterMs(headers: Dispatcher.ResponseData['headers'], json: unknown): number | null {
  const header = headers['retry-after'];
  if (typeof header === 'string') {
    const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
    if (Number.isFinite(ms)) return Math.max(0, ms);
  }
  const resetSec = Number(headers['x-ratelimit-reset'] ?? Number.NaN);
  if (Number.isFinite(resetSec)) return Math.max(0, resetSec * 1_000 - Date.now());
  const inBody =
    typeof json === 'object' && json !== null && 'retry_after' in json
      ? Number(json.retry_after)
      : Number.NaN;
  return Number.isFinite(inBody) && inBody >= 0 ? inBody * 1_000 : null;
}

/** The caller's own cancellation is passed on as it is; everything else becomes a `MarketError` without a cause. */
function explain(
  error: unknown,
  { tried, origin, signal, timeoutMs }: Exchange,
  isStopped: boolean,
): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof TooLarge) {
    const message = `Cannot ${tried}: the answer of ${origin} is larger than ${ANSWER_BYTES_MAX} bytes`;
    return new MarketError({ kind: 'bad-answer', code: OUR_CODES.tooLarge, message });
  }
  if (neverConnected(error)) {
    const message = `Cannot ${tried}: no connection to ${origin} (${codeOf(error)})`;
    return new MarketError({ kind: 'unreachable', code: OUR_CODES.notConnected, message });
  }
  if (isStopped) {
    const message = `Cannot ${tried}: no complete answer of ${origin} before the deadline (at most ${timeoutMs} ms a call)`;
    return new MarketError({ kind: 'unreachable', code: OUR_CODES.timeout, message });
  }
  const code = codeOf(error);
  const message = `Cannot ${tried}: the connection to ${origin} failed (${code})`;
  return new MarketError({ kind: 'unreachable', code: code.toLowerCase(), message });
}

/** Only what fails while connecting is known not to have been sent; a TLS failure is left in doubt. */
function neverConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const errors = error instanceof AggregateError ? error.errors : [error];
  return errors.length > 0 && errors.every((one) => isConnectFailure(one));
}

function isConnectFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo')) return true;
  return 'code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT';
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
