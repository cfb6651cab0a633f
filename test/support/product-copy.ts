import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One place in a file of the product; found exactly once, or whoever names it is out of date. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Another build of the product: a checkout of its own in `to`, with these places changed, sharing the packages.
 *
 * Throws when a place is not found exactly once.
 */
export function copyProduct(edits: readonly Edit[], to: string): string {
  for (const part of ['src', 'scripts', 'package.json', 'tsconfig.json'])
    cpSync(join(ROOT, part), join(to, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'));
  for (const { file, find, replace } of edits) {
    const path = join(to, file);
    const parts = readFileSync(path, 'utf8').split(find);
    if (parts.length !== 2) {
      throw new Error(
        `Looked for one place in ${file} and found ${parts.length - 1}; what names it is out of date:\n${find}`,
      );
    }
    writeFileSync(path, parts.join(replace));
  }
  return to;
}
