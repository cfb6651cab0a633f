import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/problem.ts';
import { bearerOf, callerOf } from './caller.ts';
import type { Role, SignIns } from './sign-in-cookie.ts';

/** What the token or the cookie of a request makes of it. */
export type Admission =
  | { readonly kind: 'admitted' }
  /** May look and change nothing. */
  | { readonly kind: 'viewer' }
  | { readonly kind: 'no-token' }
  /** Its cookie has run out, or stands for a token that is no more. */
  | { readonly kind: 'signed-out' }
  /** Its cookie is good, but another site's page may have sent it. */
  | { readonly kind: 'cross-site'; readonly why: string }
  | { readonly kind: 'wrong-token' }
  | { readonly kind: 'too-many'; readonly retryAfterSeconds: number };

export type Admit = (request: FastifyRequest) => Promise<Admission>;
/** Whose token it is; counts the wrong ones. */
export type JudgeToken = (given: string, request: FastifyRequest) => Promise<Admission>;

type CountWrongToken = (
  request: FastifyRequest,
) => Promise<{ isAllowed: true } | { isAllowed: false; isExceeded: boolean; ttlInSeconds: number }>;

export const WRONG_TOKENS_PER_MINUTE = 10;

/** Admits by the bearer token, and where there is none by the cookie of a sign-in. */
export function makeAdmit(judgeToken: JudgeToken, signIns: SignIns): Admit {
  return async (request) => {
    const given = bearerOf(request);
    return given === undefined
      ? (signIns.admissionOf(request.raw) ?? { kind: 'no-token' })
      : judgeToken(given, request);
  };
}

/**
 * Admits who gives a token that has a role now.
 *
 * Only wrong tokens are counted against an address, and the right one passes whatever the count: behind
 * one address may be many, and whoever can lock the owner out keeps a rented GPU from being destroyed.
 */
export function makeTokenJudge({
  roleOf,
  countWrongToken,
}: {
  roleOf: (given: string) => Role | null;
  countWrongToken: CountWrongToken;
}): JudgeToken {
  return async (given, request) => {
    const role = roleOf(given);
    if (role !== null) return { kind: role === 'admin' ? 'admitted' : 'viewer' };
    const count = await countWrongToken(request);
    return !count.isAllowed && count.isExceeded
      ? { kind: 'too-many', retryAfterSeconds: count.ttlInSeconds }
      : { kind: 'wrong-token' };
  };
}

/** Throws the `Problem` of a request that is not admitted; notes who it comes from. */
export async function requireAdmission(admit: Admit, request: FastifyRequest): Promise<void> {
  const admission = await admit(request);
  request.caller = callerOf(admission, request);
  if (admission.kind === 'admitted') return;
  if (admission.kind !== 'viewer') throw refusalOf(admission);
  if (request.method === 'GET' || request.method === 'HEAD') return;
  throw new Problem(
    'forbidden',
    `This is the viewer's token, which may look and change nothing: ${request.method} needs the admin token.`,
  );
}

export function refusalOf(admission: Exclude<Admission, { kind: 'admitted' | 'viewer' }>): Problem {
  switch (admission.kind) {
    case 'no-token':
      return new Problem(
        'unauthorized',
        'This call needs the admin token: Authorization: Bearer ADMIN_TOKEN',
      );
    case 'signed-out':
      return new Problem('unauthorized', 'This sign-in has ended. Sign in again with the admin token.');
    case 'cross-site':
      return new Problem('forbidden', admission.why);
    case 'wrong-token':
      return new Problem('unauthorized', 'This is not the admin token of this installation.');
    case 'too-many':
      return new Problem(
        'too-many',
        `More than ${WRONG_TOKENS_PER_MINUTE} wrong tokens came from this address within a minute. Wait a minute, then try again.`,
        { retryAfterSeconds: admission.retryAfterSeconds },
      );
  }
}

/** Whether a request comes from this machine. */
export function isFromLoopback(request: FastifyRequest): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(request.ip);
}
