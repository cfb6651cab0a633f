import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type KeysFile = Disposable & {
  readonly path: string;
  /** What it holds from now on: an id stands for its key, made when it is first named; `none` for itself. */
  write(...ids: readonly string[]): void;
  /** The file of another process, where an id stands for the same key. */
  beside(...ids: readonly string[]): Omit<KeysFile, 'beside' | keyof Disposable>;
};

/** A file for LEASH_PAYLOAD_KEYS_FILE in a folder of its own. */
export function keysFile(...ids: readonly string[]): KeysFile {
  const folder = mkdtempSync(join(tmpdir(), 'leash-payload-keys-'));
  const lines = new Map<string, string>([['none', 'none']]);
  const lineOf = (id: string): string => {
    const line = lines.get(id) ?? `${id} ${randomBytes(32).toString('base64')}`;
    lines.set(id, line);
    return line;
  };
  const fileOf = (name: string, first: readonly string[]) => {
    const path = join(folder, name);
    const write = (...now: readonly string[]) => writeFileSync(path, `${now.map(lineOf).join('\n')}\n`);
    write(...first);
    return { path, write };
  };
  return {
    ...fileOf('payload-keys', ids),
    beside: (...others) => fileOf('payload-keys-beside', others),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
