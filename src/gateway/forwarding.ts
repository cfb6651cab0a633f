import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import type { ServingSession, Sessions } from '../client.ts';
import { noReadySession, Refusal } from './errors.ts';
import { bytesFor, type InferenceBody } from './request-body.ts';
import type { Router } from './routing.ts';
import { passOn, passOnEvents } from './streaming.ts';
import type { Upstream, UpstreamResult } from './upstream.ts';

export type ForwardingDeps = {
  readonly sessions: Pick<Sessions, 'markUnreachable'>;
  readonly router: Router;
  readonly upstream: Upstream;
  /** The key of the instance that carries this label. */
  readonly instanceKey: (label: string) => string;
};

type Leg = { readonly session: ServingSession; readonly end: () => void };

/**
 * Sends a request to a session that serves its model, and its answer back as it comes.
 *
 * 1. The caller's key and cookies never leave: a host is a stranger's machine, and what is passed on is listed.
 * 2. Only a request of which no instance saw anything goes to another session.
 * 3. When the caller goes away, the instance is told by the closed connection and stops generating.
 */
export async function forward(
  deps: ForwardingDeps,
  { request, reply, body }: { request: FastifyRequest; reply: FastifyReply; body: InferenceBody },
): Promise<FastifyReply> {
  const caller = untilGone(reply);
  const tried = new Set<ServingSession>();
  for (;;) {
    const session = deps.router.choose(body.model, tried); // rule 2: ends in a Refusal when all were tried
    tried.add(session);
    const leg = { session, end: deps.router.begin(session) };
    let isHandedOver = false;
    try {
      const result = await sendTo(deps, { session, request, body, signal: caller });
      if (result.kind === 'unreachable') {
        request.log.warn({ session: session.session, err: result.error }, 'instance refused the connection');
        deps.sessions.markUnreachable(session.session);
        continue;
      }
      const answer = answerOf(result, session);
      isHandedOver = true;
      return sendBack({ answer, leg, request, reply, caller });
    } finally {
      if (!isHandedOver) leg.end();
    }
  }
}

function sendTo(
  deps: ForwardingDeps,
  order: { session: ServingSession; request: FastifyRequest; body: InferenceBody; signal: AbortSignal },
): Promise<UpstreamResult> {
  const { session, request, body, signal } = order;
  return deps.upstream.send({
    label: session.label,
    url: `${session.endpoint.replace(/\/+$/, '')}${request.url.slice('/v1'.length)}`,
    headers: headersFor(request, deps.instanceKey(session.label)),
    body: bytesFor(body, session.model),
    signal,
  });
}

const PASSED_ON = ['accept', 'content-type', 'user-agent', 'x-request-id', 'traceparent', 'tracestate'];

function headersFor(request: FastifyRequest, key: string): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = request.headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  // An encoded stream could not be cut at its events.
  return { ...Object.fromEntries(passed), authorization: `Bearer ${key}`, 'accept-encoding': 'identity' };
}

type Answer = Extract<UpstreamResult, { kind: 'answer' }>['answer'];

function answerOf(result: UpstreamResult, { session }: ServingSession): Answer {
  switch (result.kind) {
    case 'answer':
      if (result.answer.statusCode !== 401) return result.answer;
      result.answer.body.destroy();
      // The caller's key was right, or it would not have come so far.
      throw serverError(502, 'upstream_unauthorized', `The instance of session ${session} refused our key.`);
    case 'too-slow':
      throw serverError(
        504,
        'upstream_timeout',
        `The instance of session ${session} did not answer in time.`,
      );
    case 'reset':
      throw serverError(
        502,
        'upstream_reset',
        `The instance of session ${session} broke off before it answered.`,
      );
    case 'cancelled':
      throw serverError(499, 'cancelled', 'The caller went away.');
    case 'unreachable':
      throw noReadySession();
  }
}

function sendBack(order: {
  answer: Answer;
  leg: Leg;
  request: FastifyRequest;
  reply: FastifyReply;
  caller: AbortSignal;
}): FastifyReply {
  const { answer, leg, request, reply, caller } = order;
  const isEvents = /^text\/event-stream\b/i.test(String(answer.headers['content-type'] ?? ''));
  reply.code(answer.statusCode).headers(headersBack(answer.headers, isEvents));
  reply.header('x-leash-provider', 'vastai').header('x-leash-session', leg.session.session);
  const stream = (isEvents ? passOnEvents : passOn)({
    source: answer.body,
    onEnd: (outcome) => {
      leg.end();
      if (outcome.kind === 'broken' && !caller.aborted) noteBroken(request.log, leg.session, outcome.error);
    },
  });
  return reply.send(stream);
}

/** Those of one connection (RFC 9110, 7.6.1), and those with which a stranger's machine would speak for us. */
const KEPT_BACK = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
  'server',
  'set-cookie',
  'www-authenticate',
  'x-leash-provider',
  'x-leash-session',
]);

function headersBack(headers: Answer['headers'], isEvents: boolean): Record<string, string | string[]> {
  const ofConnection = String(headers.connection ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (value === undefined || KEPT_BACK.has(name) || ofConnection.includes(name)) return [];
      // An error event may follow, which the instance has not counted.
      if (isEvents && name === 'content-length') return [];
      return [[name, value] as const];
    }),
  );
}

/** Aborted when the connection to the caller has closed; after a whole answer that changes nothing. */
function untilGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (reply.raw.destroyed) controller.abort();
  else reply.raw.once('close', () => controller.abort());
  return controller.signal;
}

function noteBroken(log: FastifyBaseLogger, { session }: ServingSession, error: unknown): void {
  log.warn({ session, err: error }, 'instance broke off in the middle of an answer');
}

function serverError(status: number, code: string, message: string): Refusal {
  return new Refusal({ status, code, message, type: 'server_error' });
}
