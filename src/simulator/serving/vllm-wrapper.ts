import { accessSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Writes an executable `vllm` that is the look-alike into `folder`, which is to be put in front of PATH. */
export function writeVllmWrapper(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const script = `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(programPath())} "$@"\n`;
  writeFileSync(join(folder, 'vllm'), script, { mode: 0o755 });
}

/** Whether a program of that name would be found on `path`. */
export function isOnPath(program: string, path: string): boolean {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // Not there, or not ours to run: both mean that it is not found.
  }
}

/** Beside this file, in the form this file has: source here, emitted JavaScript in the published package. */
function programPath(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./vllm-program.${extension}`, import.meta.url));
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
