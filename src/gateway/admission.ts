import type { IncomingMessage } from 'node:http';
import type { GatewayKeys, KeyHolder } from './seams.ts';

/** Who may use the gateway: the holder of a key (null: of the admin token). Undefined: nobody we know. */
export type KnownCaller = KeyHolder | null | undefined;

/** Whether a request without a token comes from a page whose reader is signed in, and may spend. */
export type IsSignedIn = (request: IncomingMessage) => boolean;

/**
 * Knows callers by their bearer token, at the price of one hash. Whom it does not know, and why, is for the
 * slower way to say, which counts wrong tokens.
 */
export function makeAdmission(
  isAdminToken: (given: string) => boolean,
  keys: GatewayKeys | null,
  isSignedIn: IsSignedIn,
): (request: IncomingMessage) => KnownCaller {
  return (request) => {
    const { authorization, cookie } = request.headers;
    if (authorization === undefined) return cookie !== undefined && isSignedIn(request) ? null : undefined;
    const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (token === undefined) return undefined;
    if (isAdminToken(token)) return null;
    return keys?.find(token) ?? undefined;
  };
}
