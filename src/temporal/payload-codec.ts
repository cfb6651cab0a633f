import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { PayloadKey, PayloadKeys } from './payload-keys.ts';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

/** What the metadata of an encrypted payload says; Temporal's own examples use the same words. */
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A payload that is encrypted and cannot be read here: its key is not known, or it is not what was encrypted. */
export class PayloadUnreadable extends Error {
  constructor(why: string) {
    super(`A payload in Temporal cannot be read: ${why}`);
    this.name = 'PayloadUnreadable';
  }
}

/**
 * Encrypts payloads on their way to Temporal, and decrypts them on their way back: AES-256-GCM.
 *
 * 1. The whole payload is encrypted, its metadata with it: what remains readable is that it is encrypted, by which
 *    key, and about how long it is.
 * 2. No nonce is used twice: 96 random bits for each payload, which one key carries for some billions of them.
 * 3. The key's id is authenticated, so that a payload cannot be passed off as one of another key.
 * 4. What is not encrypted passes as it is: encryption can be turned on and off with sessions open.
 *
 * A payload may stand anywhere: Temporal itself copies it from a schedule into a workflow and from run to run, and
 * its Web UI has it decoded without saying where it was. So nothing of its place is authenticated.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #keys: PayloadKeys;

  constructor(keys: PayloadKeys) {
    this.#keys = keys;
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const { encrypting } = this.#keys.ring;
    return encrypting === null ? payloads : payloads.map((payload) => encrypt(payload, encrypting));
  }

  /** Throws a `PayloadUnreadable`. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (isEncrypted(payload) ? this.#decrypt(payload) : payload));
  }

  #decrypt(payload: Payload): Payload {
    const id = textOf(payload.metadata?.[KEY_ID]);
    const key = this.#keys.find(id);
    if (key === undefined) throw new PayloadUnreadable(this.#whyUnknown(id));
    return decrypt(payload, key);
  }

  #whyUnknown(id: string): string {
    if (!this.#keys.isOn)
      return `it is encrypted with key ${quoted(id)}, and LEASH_PAYLOAD_KEYS_FILE is not set here.`;
    const known = [...this.#keys.ring.byId.keys()].join(', ') || 'none';
    return `it is encrypted with key ${quoted(id)}, which LEASH_PAYLOAD_KEYS_FILE does not hold here (it holds ${known}). Add that key's line to the file; nothing is lost, and no restart is needed.`;
  }
}

/** Whether a message's part is a payload of this codec. */
export function isEncrypted({ metadata }: Payload): boolean {
  return textOf(metadata?.encoding) === ENCODING;
}

function encrypt(payload: Payload, { id, secret }: PayloadKey): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(id));
  const sealed = [cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()];
  return {
    metadata: { encoding: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(id) },
    data: Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]),
  };
}

function decrypt({ data }: Payload, { id, secret }: PayloadKey): Payload {
  if (!data || data.length < NONCE_BYTES + TAG_BYTES)
    throw new PayloadUnreadable(`encrypted with key ${id}, it is cut short.`);
  const decipher = createDecipheriv('aes-256-gcm', secret, data.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(boundTo(id));
  decipher.setAuthTag(data.subarray(-TAG_BYTES));
  try {
    const sealed = data.subarray(NONCE_BYTES, -TAG_BYTES);
    const opened = PayloadMessage.decode(Buffer.concat([decipher.update(sealed), decipher.final()]));
    // Protobuf leaves out what is empty, and gives a list of nothing for it.
    if (opened.data.length === 0) opened.data = new Uint8Array();
    return opened;
  } catch {
    throw new PayloadUnreadable(
      `it was changed since it was encrypted with key ${id}, or that id stands for another key here.`,
    );
  }
}

function boundTo(keyId: string): Buffer {
  return Buffer.from(`leash payload 1 ${keyId}`);
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() : '';
}

/** An id comes from outside: of another's making it may be anything. */
function quoted(id: string): string {
  return JSON.stringify(id.slice(0, 64));
}
