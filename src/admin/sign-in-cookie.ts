import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { fastifyCookie } from '@fastify/cookie';
import type { TokenRole, TokensByRole } from '../access-tokens.ts';
import { isSameSecret } from '../installation.ts';

export type Role = TokenRole;
/** The token that somebody gave, and what it makes of them. */
type Bearer = { readonly role: Role; readonly token: string };
export type SignIn = { readonly role: Role; readonly expiresAtMs: number };
/** With the `Set-Cookie` that the browser keeps it by. */
export type NewSignIn = SignIn & { readonly setCookie: string };
export type CookieAdmission =
  | { readonly kind: 'admitted' | 'viewer' | 'signed-out' }
  | { readonly kind: 'cross-site'; readonly why: string };

export const SIGN_IN_MS = 12 * 3_600_000;
const COOKIE = 'leash_session';
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Sign-ins of browsers. Nothing of them is kept here: the cookie says role and end, and is signed.
 *
 * 1. The key is made of the installation's secret and the token itself, so a token that is admitted no longer ends
 *    every sign-in made with it, on every server of the installation. A renewed one stands for the same token.
 * 2. What changes something must come from a page of this server: a browser sends the cookie along with
 *    whatever a page asks for.
 */
export class SignIns {
  readonly #tokens: TokensByRole;
  readonly #cookieKey: (token: string) => Buffer;

  /** `tokens` may come to be others, as those of a file do. */
  constructor(tokens: TokensByRole, { cookieKey }: { readonly cookieKey: (token: string) => Buffer }) {
    this.#tokens = tokens;
    this.#cookieKey = cookieKey;
  }

  /** For who gave `token`. */
  begin({ role, token }: Bearer, request: IncomingMessage, nowMs = Date.now()): NewSignIn {
    const expiresAtMs = nowMs + SIGN_IN_MS;
    const said = `${role}.${expiresAtMs}`;
    const value = `${said}.${this.#sign(token, said)}`;
    return { role, expiresAtMs, setCookie: setCookie(value, SIGN_IN_MS / 1_000, request) };
  }

  /** Null without a cookie of ours that holds now. */
  find(request: IncomingMessage, nowMs = Date.now()): SignIn | null {
    const found = this.#findSigned(request, nowMs);
    return found && { role: found.role, expiresAtMs: found.expiresAtMs };
  }

  #findSigned(request: IncomingMessage, nowMs: number): (SignIn & Bearer) | null {
    const [role, expiry, signature, ...rest] = (cookieOf(request) ?? '').split('.');
    if ((role !== 'admin' && role !== 'viewer') || !expiry || !signature || rest.length > 0) return null;
    // As text: decoding passes over what is no base64, and one signature would have many spellings.
    const token = this.#tokens[role].find((each) =>
      isSameSecret(signature, this.#sign(each, `${role}.${expiry}`)),
    );
    const expiresAtMs = Number(expiry);
    return token !== undefined && expiresAtMs > nowMs ? { role, token, expiresAtMs } : null;
  }

  /** The sign-in of a request anew, once it is more than half over; null where there is nothing to renew. */
  renew(request: IncomingMessage, nowMs = Date.now()): NewSignIn | null {
    const found = this.#findSigned(request, nowMs);
    if (found === null || found.expiresAtMs - nowMs > SIGN_IN_MS / 2) return null;
    return this.begin(found, request, nowMs);
  }

  /** Null where the request brings no cookie of this name at all. */
  admissionOf(request: IncomingMessage): CookieAdmission | null {
    if (cookieOf(request) === undefined) return null;
    const found = this.find(request);
    if (found === null) return { kind: 'signed-out' };
    const why = SAFE_METHODS.includes(request.method ?? '') ? null : whyNotOurPage(request);
    if (why !== null) return { kind: 'cross-site', why };
    return { kind: found.role === 'admin' ? 'admitted' : 'viewer' };
  }

  #sign(token: string, said: string): string {
    return createHmac('sha256', this.#cookieKey(token)).update(said).digest('base64url');
  }
}

/** The `Set-Cookie` by which a browser forgets its sign-in. */
export function forgetting(request: IncomingMessage): string {
  return setCookie('', 0, request);
}

function setCookie(value: string, maxAge: number, request: IncomingMessage): string {
  const secure = schemeOf(request) === 'https';
  return fastifyCookie.serialize(COOKIE, value, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure,
    maxAge,
  });
}

function cookieOf({ headers: { cookie } }: IncomingMessage): string | undefined {
  return cookie === undefined ? undefined : fastifyCookie.parse(cookie)[COOKIE];
}

/** Null where a page of this server sent it. */
function whyNotOurPage(request: IncomingMessage): string | null {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  const remedy = 'Send it from the dashboard, or with Authorization: Bearer ADMIN_TOKEN.';
  if (site !== undefined) {
    return site === 'same-origin'
      ? null
      : `The browser says that this came from elsewhere (Sec-Fetch-Site: ${site}). ${remedy}`;
  }
  if (origin === undefined) {
    return `With the cookie alone nothing is changed unless Sec-Fetch-Site or Origin says which page asks. ${remedy}`;
  }
  const own = `${schemeOf(request)}://${host}`;
  return origin.toLowerCase() === own.toLowerCase()
    ? null
    : `The browser says that this came from ${origin}, and this server is ${own}. ${remedy}`;
}

/** As the browser sees it. No page elsewhere can set the header of a proxy, so a proxy's word is taken. */
function schemeOf({ headers, socket }: IncomingMessage): 'http' | 'https' {
  const forwarded = headers['x-forwarded-proto'];
  const said = typeof forwarded === 'string' ? forwarded.split(',')[0]?.trim().toLowerCase() : undefined;
  return said === 'https' || (said === undefined && socket instanceof TLSSocket) ? 'https' : 'http';
}
