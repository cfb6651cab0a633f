import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

interface Claim {
  pid: number;
  port: number;
}

/**
 * Waits until no server runs on the database in `home`, for two on one file would spoil it.
 *
 * One is found there in two cases: its program was killed a moment ago, and it is about to end; or
 * another installation is up with the same home, which is told as what it is.
 */
export async function awaitHomeFree(home: string, timeoutMs: number): Promise<void> {
  const claim = readClaim(home);
  if (!claim) return;
  const deadlineMs = Date.now() + timeoutMs;
  while (await isRunningOn(home, claim.pid)) {
    if (Date.now() > deadlineMs) {
      throw new Error(
        `${home} is in use: its Temporal server runs as process ${claim.pid} on port ${claim.port}. ` +
          'Stop the Leash that started it, or set LEASH_HOME (and the ports) to run a second one beside it.',
      );
    }
    await delay(50);
  }
}

/** Where the server keeps everything: sessions, timers, schedules. */
export function databaseFile(home: string): string {
  return join(resolve(home), 'temporal.db');
}

/** Notes which server has the database in `home`. */
export function claimHome(home: string, claim: Claim): void {
  writeFileSync(claimFile(home), JSON.stringify(claim));
}

function claimFile(home: string): string {
  return join(home, 'temporal.pid');
}

function readClaim(home: string): Claim | null {
  try {
    const { pid, port } = JSON.parse(readFileSync(claimFile(home), 'utf8'));
    return Number.isInteger(pid) && Number.isInteger(port) ? { pid, port } : null;
  } catch {
    return null;
  }
}

/**
 * By its command line, which names the file: after a restart of the machine the number may be another
 * program's, and one that has ended may stay listed until its parent takes note. Its port says too
 * little: it closes seconds before the database does.
 */
async function isRunningOn(home: string, pid: number): Promise<boolean> {
  return (await commandLineOf(pid)).includes(databaseFile(home));
}

async function commandLineOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
    return stdout;
  } catch {
    return '';
  }
}
