import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Agent, type Dispatcher, errors, request } from 'undici';
import type { Pin } from '../certificates.ts';

/** How long the gateway waits for an instance, each for its own step. */
export type Deadlines = {
  readonly connectMs: number;
  /** Until the first byte of an answer; an answer that is not streamed comes whole, so generation is in it. */
  readonly headersMs: number;
  readonly betweenChunksMs: number;
};

export const DEADLINES: Deadlines = { connectMs: 5_000, headersMs: 300_000, betweenChunksMs: 120_000 };

export type UpstreamRequest = {
  /** Of the instance it is for: by TLS, nobody else gets to see it. */
  readonly label: string;
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

export type UpstreamOptions = {
  readonly deadlines?: Deadlines;
  /** Whom to trust at the address of the instance with this label. */
  readonly pinOf: (label: string) => Pin;
  /** Whether requests may still come for it. */
  readonly isServing: (label: string) => boolean;
  readonly sweepMs?: number;
};

/** How often connections of instances that serve no more are looked for; idle ones close by themselves before. */
const SWEEP_MS = 5_000;

/**
 * Kept-alive connections to every instance there is, those of each apart: a connection that was made to one
 * is never used for another, though a host may give its address to both.
 */
export function openUpstream({
  deadlines = DEADLINES,
  pinOf,
  isServing,
  sweepMs = SWEEP_MS,
}: UpstreamOptions): Upstream {
  const agents = new Map<string, Agent>();
  const leaving = new Set<Agent>();
  const agentOf = (label: string): Agent => {
    const agent = agents.get(label) ?? openAgent(deadlines, pinOf(label));
    agents.set(label, agent);
    return agent;
  };
  const sweep = setInterval(() => {
    for (const [label, agent] of agents) {
      if (isServing(label)) continue;
      agents.delete(label);
      leaving.add(agent);
      // Lets what is under way finish.
      void agent
        .close()
        .catch(() => undefined)
        .finally(() => leaving.delete(agent));
    }
  }, sweepMs);
  sweep.unref();
  return {
    send: (order) => send(agentOf(order.label), order),
    // Streams still under way have had their time when this is called.
    close: async () => {
      clearInterval(sweep);
      await Promise.all([...agents.values(), ...leaving].map((agent) => agent.destroy()));
    },
  };
}

/** Plain addresses, of sessions without TLS, make no use of the pin. */
function openAgent(deadlines: Deadlines, { caPem, serverName }: Pin): Agent {
  return new Agent({
    connect: {
      timeout: deadlines.connectMs,
      ca: caPem,
      servername: serverName,
      // The address is not in the certificate: it was not known when that was made.
      checkServerIdentity: (_address: string, certificate: PeerCertificate) =>
        checkServerIdentity(serverName, certificate),
    },
    headersTimeout: deadlines.headersMs,
    bodyTimeout: deadlines.betweenChunksMs,
    // uvicorn, vLLM's server, closes idle connections after 5 s: ours must be the first to let go.
    keepAliveTimeout: 3_000,
    keepAliveMaxTimeout: 4_000,
  });
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
  // Broken off in the handshake: TLS had not begun, and nothing of the request was seen.
  if (/before secure TLS connection/.test(error.message)) return 'unreachable';
  const isBroken = (code === 'ECONNRESET' || code === 'EPIPE') && syscall !== 'connect';
  return isBroken ? 'reset' : 'unreachable';
}
