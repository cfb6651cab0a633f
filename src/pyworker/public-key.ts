import { createPublicKey, type KeyObject } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { getFromEngine } from './engine-call.ts';

/** After so many attempts it is an error, and is tried on all the same. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000];
const LATER_MS = 30_000;

export type KeyFetch = {
  readonly addresses: readonly string[];
  readonly signal: AbortSignal;
  /** Why it cannot be had; null: it is there, or may come yet. */
  readonly onTrouble: (why: string | null) => void;
};

/** The key that the engine signs with, from the first address that has it; null when aborted before. */
export async function fetchPublicKey({ addresses, signal, onTrouble }: KeyFetch): Promise<KeyObject | null> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    let why = '';
    for (const address of addresses) {
      try {
        const key = createPublicKey(await getFromEngine(`${address}/pubkey/`, signal));
        if (key.asymmetricKeyType !== 'rsa') throw new Error(`it is no RSA key but ${key.asymmetricKeyType}`);
        onTrouble(null);
        return key;
      } catch (error) {
        why ||= `${address}/pubkey/: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    if (attempt >= PAUSES_MS.length) onTrouble(`Failed to fetch public key: ${why}`);
    await pause(PAUSES_MS[attempt] ?? LATER_MS, undefined, { signal }).catch(() => undefined);
  }
  return null;
}
