import { Agent, type Dispatcher, errors, request } from 'undici';

/** How long the gateway waits for an instance, each for its own step. */
export type Deadlines = {
  readonly connectMs: number;
  /** Until the first byte of an answer; an answer that is not streamed comes whole, so generation is in it. */
  readonly headersMs: number;
  readonly betweenChunksMs: number;
};

export const DEADLINES: Deadlines = { connectMs: 5_000, headersMs: 300_000, betweenChunksMs: 120_000 };

export type UpstreamRequest = {
  /** Full URL at the instance. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly signal: AbortSignal;
};

/** What came of sending a request: an answer that has begun, or why there is none. */
export type UpstreamResult =
  | { readonly kind: 'answer'; readonly answer: Dispatcher.ResponseData }
  /** No connection came about: nothing of the request was seen there. */
  | { readonly kind: 'unreachable'; readonly error: Error }
  /** The connection broke before the first byte of an answer. */
  | { readonly kind: 'reset'; readonly error: Error }
  | { readonly kind: 'too-slow'; readonly error: Error }
  | { readonly kind: 'cancelled' };

export type Upstream = {
  send(request: UpstreamRequest): Promise<UpstreamResult>;
  close(): Promise<void>;
};

/** Kept-alive connections to every instance there is. */
export function openUpstream(deadlines: Deadlines = DEADLINES): Upstream {
  const agent = new Agent({
    connect: { timeout: deadlines.connectMs },
    headersTimeout: deadlines.headersMs,
    bodyTimeout: deadlines.betweenChunksMs,
    // uvicorn, vLLM's server, closes idle connections after 5 s: ours must be the first to let go.
    keepAliveTimeout: 3_000,
    keepAliveMaxTimeout: 4_000,
  });
  return {
    send: (order) => send(agent, order),
    // Streams still under way have had their time when this is called.
    close: () => agent.destroy(),
  };
}

/**
 * Sends a request, once more where the connection broke before any answer.
 *
 * An instance may close a kept-alive connection at the moment it is used again; generating twice at worst
 * costs seconds of its time. A dead instance refuses the second connection, and so shows itself.
 */
async function send(agent: Agent, order: UpstreamRequest): Promise<UpstreamResult> {
  const first = await sendOnce(agent, order);
  return first.kind === 'reset' ? sendOnce(agent, order) : first;
}

async function sendOnce(
  agent: Agent,
  { url, headers, body, signal }: UpstreamRequest,
): Promise<UpstreamResult> {
  try {
    const answer = await request(url, { dispatcher: agent, method: 'POST', headers, body, signal });
    return { kind: 'answer', answer };
  } catch (error) {
    if (signal.aborted) return { kind: 'cancelled' };
    if (!(error instanceof Error)) throw error;
    return { kind: kindOf(error), error };
  }
}

function kindOf(error: Error): 'unreachable' | 'reset' | 'too-slow' {
  if (error instanceof errors.HeadersTimeoutError) return 'too-slow';
  if (error instanceof errors.SocketError || error instanceof errors.HTTPParserError) return 'reset';
  const { code, syscall } = error as NodeJS.ErrnoException;
  const isBroken = (code === 'ECONNRESET' || code === 'EPIPE') && syscall !== 'connect';
  return isBroken ? 'reset' : 'unreachable';
}
