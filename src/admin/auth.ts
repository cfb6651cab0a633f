import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/problem.ts';
import { isSameSecret } from '../installation.ts';

/** What the bearer token of a request makes of it. */
export type Admission =
  | { readonly kind: 'admitted' }
  /** May look and change nothing. */
  | { readonly kind: 'viewer' }
  | { readonly kind: 'no-token' }
  | { readonly kind: 'wrong-token' }
  | { readonly kind: 'too-many'; readonly retryAfterSeconds: number };

export type Admit = (request: FastifyRequest) => Promise<Admission>;

type CountWrongToken = (
  request: FastifyRequest,
) => Promise<{ isAllowed: true } | { isAllowed: false; isExceeded: boolean; ttlInSeconds: number }>;

export const WRONG_TOKENS_PER_MINUTE = 10;

/**
 * Admits who holds `token`, and as a viewer who holds `viewerToken`.
 *
 * Only wrong tokens are counted against an address, and the right one passes whatever the count: behind
 * one address may be many, and whoever can lock the owner out keeps a rented GPU from being destroyed.
 */
export function admitBearer({
  token,
  viewerToken,
  countWrongToken,
}: {
  token: string;
  viewerToken?: string | undefined;
  countWrongToken: CountWrongToken;
}): Admit {
  return async (request) => {
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given === undefined) return { kind: 'no-token' };
    if (isSameSecret(given, token)) return { kind: 'admitted' };
    if (viewerToken !== undefined && isSameSecret(given, viewerToken)) return { kind: 'viewer' };
    const count = await countWrongToken(request);
    return !count.isAllowed && count.isExceeded
      ? { kind: 'too-many', retryAfterSeconds: count.ttlInSeconds }
      : { kind: 'wrong-token' };
  };
}

/** Throws the `Problem` of a request that is not admitted. */
export async function requireAdmission(admit: Admit, request: FastifyRequest): Promise<void> {
  const admission = await admit(request);
  switch (admission.kind) {
    case 'admitted':
      return;
    case 'viewer':
      if (request.method === 'GET' || request.method === 'HEAD') return;
      throw new Problem(
        'forbidden',
        `This is the viewer's token, which may look and change nothing: ${request.method} needs the admin token.`,
      );
    case 'no-token':
      throw new Problem('unauthorized', 'This call needs the admin token: Authorization: Bearer ADMIN_TOKEN');
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
