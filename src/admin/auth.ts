import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/problem.ts';
import { isSameSecret } from '../installation.ts';
import { TICKET_COOKIE, type Tickets } from './ticket.ts';

/** What the bearer token of a request, or its browser's ticket, makes of it. */
export type Admission =
  | { readonly kind: 'admitted' }
  /** May look and change nothing. */
  | { readonly kind: 'viewer' }
  | { readonly kind: 'no-token' }
  /** A ticket that was sent along by a page of somebody else's. */
  | { readonly kind: 'cross-site' }
  | { readonly kind: 'wrong-token' }
  | { readonly kind: 'too-many'; readonly retryAfterSeconds: number };

export type Admit = (request: FastifyRequest) => Promise<Admission>;

export type CountWrongToken = (
  request: FastifyRequest,
) => Promise<{ isAllowed: true } | { isAllowed: false; isExceeded: boolean; ttlInSeconds: number }>;

export const WRONG_TOKENS_PER_MINUTE = 10;

/** Who holds which token. */
export type Tokens = { readonly token: string; readonly viewerToken?: string | undefined };

/**
 * Admits who holds `token`, and as a viewer who holds `viewerToken`; without either, who shows a ticket.
 *
 * 1. Only wrong tokens are counted against an address, and the right one passes whatever the count: behind
 *    one address may be many, and whoever can lock the owner out keeps a rented GPU from being destroyed.
 * 2. A browser sends its ticket along with whatever asks it to. What changes anything must come from a page
 *    of ours.
 */
export function admitCaller({
  tickets,
  ...knowing
}: Tokens & { tickets: Tickets; countWrongToken: CountWrongToken }): Admit {
  return async (request) => {
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    return given === undefined ? admitByTicket(tickets, request) : admitByToken(knowing, given, request);
  };
}

/** The same rules for a token that came another way, as with a sign-in. */
export async function admitByToken(
  { token, viewerToken, countWrongToken }: Tokens & { countWrongToken: CountWrongToken },
  given: string,
  request: FastifyRequest,
): Promise<Admission> {
  if (isSameSecret(given, token)) return { kind: 'admitted' };
  if (viewerToken !== undefined && isSameSecret(given, viewerToken)) return { kind: 'viewer' };
  const count = await countWrongToken(request);
  return !count.isAllowed && count.isExceeded
    ? { kind: 'too-many', retryAfterSeconds: count.ttlInSeconds }
    : { kind: 'wrong-token' };
}

function admitByTicket(tickets: Tickets, request: FastifyRequest): Admission {
  const ticket = tickets.read(request.cookies[TICKET_COOKIE] ?? '', Date.now());
  if (ticket === null) return { kind: 'no-token' };
  if (!isLooking(request) && !isSameOrigin(request)) return { kind: 'cross-site' };
  return { kind: ticket.role === 'admin' ? 'admitted' : 'viewer' };
}

/** Browsers say where a request comes from; those too old for `Sec-Fetch-Site` say it with `Origin`. */
export function isSameOrigin({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = headers;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

function isLooking({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Throws the `Problem` of a request that is not admitted. */
export async function requireAdmission(admit: Admit, request: FastifyRequest): Promise<void> {
  const admission = await admit(request);
  switch (admission.kind) {
    case 'admitted':
      return;
    case 'viewer':
      if (isLooking(request)) return;
      throw new Problem(
        'forbidden',
        `This is the viewer's token, which may look and change nothing: ${request.method} needs the admin token.`,
      );
    case 'no-token':
      throw new Problem('unauthorized', 'This call needs the admin token: Authorization: Bearer ADMIN_TOKEN');
    case 'cross-site':
      throw new Problem(
        'forbidden',
        'A signed-in browser sent this from a page that is not of this server. Send the admin token instead: Authorization: Bearer ADMIN_TOKEN',
      );
    case 'wrong-token':
      throw new Problem('unauthorized', 'This is not the admin token of this installation.');
    case 'too-many':
      throw new Problem(
        'too-many',
        `More than ${WRONG_TOKENS_PER_MINUTE} wrong tokens came from this address within a minute.`,
        { retryAfterSeconds: admission.retryAfterSeconds },
      );
  }
}

/** Whether a request comes from this machine. */
export function isFromLoopback(request: FastifyRequest): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(request.ip);
}
