import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export type GroupEnd = { readonly code: number | null; readonly signal: string | null };

export type ProcessGroup = {
  readonly pid: number;
  /** When the main process has ended; others of its group may live on. */
  readonly mainEnded: Promise<GroupEnd>;
  /** SIGTERM to all, SIGKILL to what is left after `graceMs`; resolves when none of them is left. */
  end(graceMs: number): Promise<void>;
};

/**
 * Runs a command as the leader of a process group of its own, and hands over what it writes, line by line.
 *
 * A process that leaves the group (`setsid`) is found by a mark in its environment where `/proc` shows it:
 * a container ends with everything in it.
 */
export async function startProcessGroup(given: {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Unique to this group. */
  readonly mark: string;
  readonly onLine: (line: string) => void;
}): Promise<ProcessGroup> {
  const child = spawn(given.command, given.args, {
    cwd: given.cwd,
    env: { ...given.environment, [MARK_NAME]: given.mark, [OWNER_NAME]: OWNER },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const mainEnded = new Promise<GroupEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const read = [child.stdout, child.stderr].map((input) => {
    const lines = createInterface({ input }).on('line', given.onLine);
    return new Promise<void>((resolve) => lines.once('close', resolve));
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const { pid } = child;
  if (pid === undefined) throw new Error(`Cannot run ${given.command}: it started without a process id`);
  endWithThisProcess(pid);
  return {
    pid,
    mainEnded,
    end: async (graceMs) => {
      await endAll({ pid, mark: given.mark }, graceMs);
      living.delete(pid);
      // Last words may still be in the pipe. It stays open while anything holds it; the log ends all the same.
      await Promise.race([Promise.all(read), delay(LAST_WORDS_MS)]);
      child.stdout.destroy();
      child.stderr.destroy();
    },
  };
}

type Group = { readonly pid: number; readonly mark: string };

const MARK_NAME = 'SIM_CONTAINER_MARK';
/** All containers of one process. */
const OWNER_NAME = 'SIM_CONTAINERS_OWNER';
const OWNER = randomUUID();
const LAST_WORDS_MS = 500;
const LOOK_MS = { min: 10, max: 100 };
/** After SIGKILL only the kernel's own work is left. */
const KILLED_WAIT_MS = 5_000;

/** Groups to end when this process ends without having stopped them. */
const living = new Set<number>();
let isWatchingExit = false;

function endWithThisProcess(pid: number): void {
  if (!isWatchingExit) {
    isWatchingExit = true;
    endAllAfterDeath();
    process.once('exit', () => {
      for (const one of living) signal(-one, 'SIGKILL');
    });
  }
  living.add(pid);
}

/**
 * Ends every container of this process once it is dead, SIGKILL included: a guard would go on for ever, trying
 * to reach a market that is no more. The pipe closes with this process, which is how the watcher learns of it.
 */
function endAllAfterDeath(): void {
  if (!hasProc()) return;
  const watcher = spawn('/bin/sh', ['-c', END_MARKED, 'sh', `${OWNER_NAME}=${OWNER}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/bin:/bin' },
  });
  watcher.on('error', () => undefined);
  watcher.unref();
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
}

const END_MARKED = `cat > /dev/null
for process in /proc/[0-9]*; do
  if tr '\\0' '\\n' < "$process/environ" | grep -qx "$1"; then kill -9 "\${process#/proc/}"; fi
done`;

async function endAll(group: Group, graceMs: number): Promise<void> {
  signalAll(group, 'SIGTERM');
  if (await isGoneWithin(group, graceMs)) return;
  signalAll(group, 'SIGKILL');
  await isGoneWithin(group, KILLED_WAIT_MS);
}

function signalAll({ pid, mark }: Group, name: NodeJS.Signals): void {
  signal(-pid, name);
  for (const stray of findMarked(mark)) signal(stray, name);
}

async function isGoneWithin(group: Group, limitMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + limitMs;
  for (let waitMs = LOOK_MS.min; ; waitMs = Math.min(waitMs * 2, LOOK_MS.max)) {
    if (isGone(group)) return true;
    if (performance.now() > deadlineMs) return false;
    await delay(waitMs);
  }
}

/** Ended children that nobody has collected still count as the group's; they have no environment any more. */
function isGone({ pid, mark }: Group): boolean {
  return hasProc() ? findMarked(mark).length === 0 : !signal(-pid, 0);
}

function hasProc(): boolean {
  return process.platform === 'linux';
}

function findMarked(mark: string): number[] {
  if (!hasProc()) return [];
  const wanted = `${MARK_NAME}=${mark}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readEnvironment(name).includes(wanted))
    .map(Number);
}

/** Empty for processes that have just ended and for those of other users. */
function readEnvironment(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

/** False when nobody is there to be signalled. Signal 0 only asks. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
