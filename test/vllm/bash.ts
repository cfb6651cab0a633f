import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs `script` as a container would, by real bash with this environment alone, and gives its output. */
export async function runBash(
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await run('/bin/bash', ['-c', script], {
    env: { PATH: '/usr/bin:/bin', ...environment },
    timeout: 20_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}

/** What a bash program printed with a zero character behind each word. */
export function splitWords(output: string): string[] {
  return output.split('\0').slice(0, -1);
}
