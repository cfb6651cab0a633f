import { hash, randomBytes } from 'node:crypto';

const BEGINNING = 'sk-leash-';
const SHAPE = /^sk-leash-[A-Za-z0-9_-]{43}$/;

/** 32 random bytes, as a client of OpenAI's API sends a key. */
export function makeToken(): string {
  return `${BEGINNING}${randomBytes(32).toString('base64url')}`;
}

export function hasTokenShape(text: string): boolean {
  return SHAPE.test(text);
}

/**
 * What is kept of a token. A plain SHA-256: there are 2^256 tokens, so nobody finds one by trying, and a slow
 * hash, which passwords need, would cost every request what it costs the guesser.
 */
export function hashOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

/** Enough of it to tell keys apart, too little to be of use. */
export function hintOf(token: string): string {
  return `${token.slice(0, BEGINNING.length + 4)}…${token.slice(-2)}`;
}

export function makeKeyId(): string {
  return `key_${randomBytes(9).toString('base64url').replaceAll(/[-_]/g, '0')}`;
}
