import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AnswerHead } from './attempt.ts';
import type { Target } from './target.ts';

const PASSED_ON = ['accept', 'content-type', 'user-agent', 'x-request-id', 'traceparent', 'tracestate'];

/**
 * What goes to a target, names and values in turn. The caller's key and cookies never leave: a host is a
 * stranger's machine, and what is passed on is listed.
 */
export function headersFor(request: IncomingMessage, target: Target): string[] {
  // An encoded stream could not be cut at its events.
  const headers = ['accept-encoding', 'identity', ...target.headers];
  for (const name of PASSED_ON) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.push(name, value);
  }
  return headers;
}

/** By which an answer is spoken of: the caller's own where it gave one that a header can carry back. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:/+=-]{1,200}$/.test(given) ? given : `req_${randomUUID()}`;
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
  'x-content-type-options',
  'x-leash-provider',
  'x-leash-session',
  'x-leash-attempts',
  'x-leash-tried',
]);

/** What of a target's headers goes back, names and values in turn. */
export function headersBack({ headers, isEvents, isTranslated }: AnswerHead): string[] {
  if (isTranslated)
    return ['content-type', isEvents ? 'text/event-stream; charset=utf-8' : 'application/json'];
  const back: string[] = [];
  const ofConnection = listOf(headers.connection);
  for (const name in headers) {
    if (KEPT_BACK.has(name) || ofConnection?.includes(name)) continue;
    // An error event may follow, which the target has not counted.
    if (isEvents && name === 'content-length') continue;
    push(back, name, headers[name]);
  }
  return back;
}

/** Which way a request took. */
export function headersOfWay(way: {
  /** Null where the answer is ours. */
  readonly answerer: Target | null;
  readonly attempts: number;
  readonly tried: readonly Target[];
}): string[] {
  const { answerer, attempts, tried } = way;
  const headers = answerer === null ? [] : ['x-leash-provider', answerer.provider];
  if (answerer !== null && answerer.session !== null) headers.push('x-leash-session', answerer.session);
  headers.push('x-leash-attempts', String(attempts), 'x-leash-tried', tried.map(({ id }) => id).join(', '));
  return headers;
}

/** Takes the length out: what is sent is another one than what came. */
export function withoutLength(headers: string[]): string[] {
  const at = headers.indexOf('content-length');
  if (at !== -1) headers.splice(at, 2);
  return headers;
}

function push(headers: string[], name: string, value: string | string[] | undefined): void {
  if (typeof value === 'string') headers.push(name, value);
  else for (const each of value ?? []) headers.push(name, each);
}

function listOf(connection: IncomingHttpHeaders['connection']): string[] | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null;
  return String(connection)
    .split(',')
    .map((name) => name.trim().toLowerCase());
}
