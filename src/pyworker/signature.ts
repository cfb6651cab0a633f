import { type KeyObject, verify } from 'node:crypto';

/** Addresses and signatures that were found right. */
const KNOWN_MAX = 1_000;

/**
 * Whether the engine signed an address. Only that is signed, so a client sends the same two words with every request
 * to a worker: what was found right is known again without a second check.
 */
export class SignatureCheck {
  readonly #key: () => KeyObject | null;
  readonly #known = new Set<string>();

  /** `key`: null while it is not there, and then no signature is right. */
  constructor(key: () => KeyObject | null) {
    this.#key = key;
  }

  isRight(url: unknown, signature: unknown): boolean {
    if (typeof url !== 'string' || typeof signature !== 'string') return false;
    const name = `${signature}\n${url}`;
    if (this.#known.has(name)) return true;
    const key = this.#key();
    if (key === null || !isSigned(key, url, signature)) return false;
    this.#remember(name);
    return true;
  }

  #remember(name: string): void {
    const [oldest] = this.#known;
    if (this.#known.size >= KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.add(name);
  }
}

function isSigned(key: KeyObject, url: string, signature: string): boolean {
  try {
    return verify('RSA-SHA256', Buffer.from(signedText(url)), key, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

/** Byte for byte as the engine signs it: Python's JSON, which escapes what is not ASCII. */
export function signedText(url: string): string {
  return JSON.stringify({ url }, null, 4).replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
