import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { errorText } from './waiting.ts';

export type PayloadKey = { readonly id: string; readonly secret: KeyObject };

/** What a file of keys says. */
export type KeyRing = {
  /** Null: what is stored from now on is not encrypted. */
  readonly encrypting: PayloadKey | null;
  /** Every key, by its id. */
  readonly byId: ReadonlyMap<string, PayloadKey>;
};

/** The file of keys is wrong: every line that is, by its number. Keys themselves are not repeated. */
export class PayloadKeysError extends Error {
  constructor(file: string, problems: readonly string[]) {
    super(
      `Cannot use the payload keys in ${file} (LEASH_PAYLOAD_KEYS_FILE):\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
    this.name = 'PayloadKeysError';
  }
}

/** The file is looked at again after so long: a key that is added to it, or put first, needs no restart. */
const LOOK_AGAIN_MS = 1_000;
const NO_KEYS: KeyRing = { encrypting: null, byId: new Map() };

/**
 * The keys of payloads, as LEASH_PAYLOAD_KEYS_FILE has them now.
 *
 * A file that has become wrong changes nothing: the keys that were read last stay in use, and the log says so.
 * Without a file there are no keys, nothing is encrypted, and what is encrypted cannot be read.
 */
export class PayloadKeys {
  readonly #file: string | undefined;
  readonly #logger: Pick<Logger, 'info' | 'error'> | undefined;
  #ring = NO_KEYS;
  #text = '';
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** Throws a `PayloadKeysError` for a file that cannot be used. */
  constructor(file?: string, logger?: Pick<Logger, 'info' | 'error'>) {
    this.#file = file;
    this.#logger = logger;
    if (file === undefined) return;
    this.#text = readKeys(file);
    this.#ring = parsePayloadKeys(this.#text, file);
    this.#lookedAtMs = performance.now();
  }

  /** Whether payloads may be encrypted here: a file of keys is named. */
  get isOn(): boolean {
    return this.#file !== undefined;
  }

  get ring(): KeyRing {
    if (performance.now() - this.#lookedAtMs >= LOOK_AGAIN_MS) this.#lookAgain();
    return this.#ring;
  }

  /** The file is looked at once more for a key that it did not have: another process may have been given it first. */
  find(id: string): PayloadKey | undefined {
    const known = this.ring.byId.get(id);
    if (known !== undefined) return known;
    this.#lookAgain();
    return this.#ring.byId.get(id);
  }

  #lookAgain(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#lookedAtMs = performance.now();
    try {
      const text = readKeys(file);
      if (text === this.#text) return;
      this.#text = text;
      this.#ring = parsePayloadKeys(text, file);
      this.#logger?.info(
        { encrypting: this.#ring.encrypting?.id ?? 'none', decrypting: [...this.#ring.byId.keys()] },
        'payload keys were read anew',
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#logger?.error({ why }, 'payload keys stay as they were read last');
    }
  }
}

const KEY_BYTES = 32;
const NONE = 'none';

/**
 * Reads a file of keys: on each line an id, a space and 32 bytes in base64. The first encrypts, all decrypt; `none`
 * as the first line encrypts nothing. Empty lines and what follows `#` at the start of one are passed over. Throws
 * a `PayloadKeysError`.
 */
export function parsePayloadKeys(text: string, file: string): KeyRing {
  const problems: string[] = [];
  const byId = new Map<string, PayloadKey>();
  const lines = text
    .split('\n')
    .map((line, index) => ({ number: index + 1, words: line.trim().split(/\s+/) }))
    .filter(({ words: [first = ''] }) => first !== '' && !first.startsWith('#'));
  const isOff = lines[0]?.words.join(' ') === NONE;
  for (const { number, words } of isOff ? lines.slice(1) : lines) {
    const read = readLine(words, byId);
    if (typeof read === 'string') problems.push(`line ${number}: ${read}`);
    else byId.set(read.id, read);
  }
  if (lines.length === 0)
    problems.push(
      'it holds no key: `leash encryption new-key` makes one, and `none` stands for encrypting nothing',
    );
  if (problems.length > 0) throw new PayloadKeysError(file, problems);
  const [first = null] = byId.values();
  return { encrypting: isOff ? null : first, byId };
}

/** A key, or what is wrong with its line. */
function readLine(words: readonly string[], byId: ReadonlyMap<string, PayloadKey>): PayloadKey | string {
  const [id = '', given = '', ...rest] = words;
  if (id === NONE) return '`none` may stand on the first line only, and alone';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(id))
    return 'an id is 1 to 32 letters, digits, dots, dashes or underscores, and begins with a letter or a digit';
  if (given === '' || rest.length > 0) return `${id}: a line is an id, a space and a key, and nothing more`;
  const bytes = Buffer.from(given, 'base64');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== given)
    return `${id}: a key is ${KEY_BYTES} bytes in base64 (44 characters); \`leash encryption new-key\` makes one`;
  if (byId.has(id)) return `${id}: another line has this id; payloads name their key by it`;
  const secret = createSecretKey(bytes);
  const same = [...byId.values()].find((other) => other.secret.equals(secret));
  if (same !== undefined) return `${id}: this is the key of ${same.id} again`;
  return { id, secret };
}

function readKeys(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new PayloadKeysError(file, [`it cannot be read: ${errorText(error)}`]);
  }
}
