import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type KeysFile = Disposable & {
  readonly path: string;
  /** The file from now on: an id alone stands for its key, made when it is first named; `none` for itself. */
  write(...ids: readonly string[]): void;
};

/** A file for LEASH_PAYLOAD_KEYS_FILE in a folder of its own. */
export function keysFile(...ids: readonly string[]): KeysFile {
  const folder = mkdtempSync(join(tmpdir(), 'leash-payload-keys-'));
  const path = join(folder, 'payload-keys');
  const lines = new Map<string, string>([['none', 'none']]);
  const lineOf = (id: string): string => {
    const line = lines.get(id) ?? `${id} ${randomBytes(32).toString('base64')}`;
    lines.set(id, line);
    return line;
  };
  const write = (...now: readonly string[]) => writeFileSync(path, `${now.map(lineOf).join('\n')}\n`);
  write(...ids);
  return { path, write, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
