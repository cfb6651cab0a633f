import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** The engine's key pair: what it hands to callers of `/route/` is signed, and workers know it by that. */
export class Signer {
  #privateKey: KeyObject | null;

  /** Made at the first use: most markets have no endpoint, and a key costs a tenth of a second. */
  constructor(privateKeyPem?: string | null) {
    this.#privateKey = privateKeyPem ? createPrivateKey(privateKeyPem) : null;
  }

  privateKeyPem(): string | null {
    return this.#privateKey?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? null;
  }

  publicKeyPem(): string {
    return createPublicKey(this.#key()).export({ type: 'spki', format: 'pem' }).toString();
  }

  /** Over the url alone, as JSON with four spaces: PKCS #1 v1.5 with SHA-256, in base64. */
  signUrl(url: string): string {
    return sign('sha256', Buffer.from(JSON.stringify({ url }, null, 4)), this.#key()).toString('base64');
  }

  #key(): KeyObject {
    this.#privateKey ??= generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    return this.#privateKey;
  }
}
