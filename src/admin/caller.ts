import type { FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import type { Admission } from './auth.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who it turned out to come from; unset as long as nobody asked. */
    caller?: Caller;
  }
}

/** The token that a request brings in its header. */
export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** Who is behind a request that was judged so. */
export function callerOf({ kind }: Admission, request: FastifyRequest): Caller {
  switch (kind) {
    case 'admitted':
    case 'viewer': {
      const by = bearerOf(request) === undefined ? 'cookie' : 'token';
      return { role: kind === 'admitted' ? 'admin' : 'viewer', by };
    }
    case 'no-token':
      return { role: null, by: null };
    case 'signed-out':
    case 'cross-site':
      return { role: null, by: 'cookie' };
    case 'wrong-token':
    case 'too-many':
      return { role: null, by: 'token' };
  }
}
