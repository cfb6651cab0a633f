import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** The file's text; made, whole or not at all, when it is missing. Of two processes that make it, one does. */
export function readOrMake(file: string, make: () => string): string {
  if (!existsSync(file)) {
    const beside = writeBeside(file, make());
    try {
      linkSync(beside, file);
    } catch (error) {
      if (!existsSync(file)) throw error;
    } finally {
      rmSync(beside);
    }
  }
  return readFileSync(file, 'utf8').trim();
}

/** Writes to a name of its own in the same folder, mode 600, and returns that. */
export function writeBeside(file: string, text: string): string {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(beside, `${text}\n`, { mode: 0o600, flag: 'wx' });
  return beside;
}
