import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** A span in which a program did not work, epoch ms. */
export type Outage = {
  readonly what: 'worker' | 'server' | 'temporal';
  readonly fromMs: number;
  readonly toMs: number;
};

export type ProgramOptions = {
  readonly what: 'worker' | 'server' | 'simulator';
  readonly script: string;
  readonly args?: readonly string[];
  readonly cwd: string;
  /** Asked at each start, since what it says may change between two of them. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** What it says once it works. */
  readonly saysItWorks: RegExp;
  readonly logFile: string;
};

type Started = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly works: Promise<RegExpMatchArray | null>;
  isWorking: boolean;
};

const RESTART_MS = 300;
const STUCK_MS = 120_000;
/** Half of a worker's start is compiling its modules, which are the same each time. */
const COMPILED = join(tmpdir(), 'leash-campaign-compiled');
const living = new Set<ChildProcess>();

/** Nothing that was started outlives this process, however it ends. */
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A program that is started again whenever it ends, and every time it did not work noted. */
export class Program {
  readonly #options: ProgramOptions;
  readonly #log: WriteStream;
  readonly outages: Outage[] = [];
  /** CPU seconds each start took until it worked. */
  readonly startCpuSeconds: number[] = [];
  /** Ends that nobody ordered, with the code. */
  readonly unasked: string[] = [];
  #current: Started | null = null;
  #downSinceMs: number | null = null;
  #isHeld = false;
  #ordered = new Set<number>();
  /** Waited before the next restart, once. */
  nextDelayMs = 0;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: 'a' });
    this.#log.on('error', () => undefined);
  }

  /** Here once it works; its matching line. */
  async start(): Promise<RegExpMatchArray> {
    this.#isHeld = false;
    this.#downSinceMs = Date.now();
    this.#spawn();
    const match = await this.#current?.works;
    if (!match) throw new Error(`The ${this.#options.what} did not start; see ${this.#options.logFile}.`);
    return match;
  }

  /** The newest process, whether or not it works yet; null between two. */
  get pid(): number | null {
    return this.#current?.pid ?? null;
  }

  get isWorking(): boolean {
    return this.#current?.isWorking === true;
  }

  /** The process that works, or null when none does in time. */
  async working(withinMs: number): Promise<number | null> {
    const untilMs = Date.now() + withinMs;
    while (!this.isWorking && Date.now() < untilMs) await pause(50);
    return this.isWorking ? this.pid : null;
  }

  /** The next process that is not `pid`, working or not. */
  async successorOf(pid: number | null, withinMs: number): Promise<number | null> {
    const untilMs = Date.now() + withinMs;
    while ((this.pid === null || this.pid === pid) && Date.now() < untilMs) await pause(10);
    return this.pid === pid ? null : this.pid;
  }

  /** Somebody is about to kill it: its end is no news. */
  expectEnd(pid: number): void {
    this.#ordered.add(pid);
  }

  /** False when it had ended before. */
  kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean {
    const current = this.#current;
    if (current?.pid !== pid) return false;
    this.#ordered.add(pid);
    return current.child.kill(signal);
  }

  /** Whether this very process has ended. */
  hasEnded(pid: number): boolean {
    return this.#current?.pid !== pid;
  }

  /** Leaves the present process to the caller and starts another in its place. */
  detach(): ChildProcess | null {
    const detached = this.#current;
    if (detached === null) return null;
    this.#ordered.add(detached.pid);
    this.#current = null;
    this.#downSinceMs ??= Date.now();
    this.#spawn();
    return detached.child;
  }

  /** Ended as a service is stopped, and not started again before `start`. */
  async hold(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#isHeld = true;
    const current = this.#current;
    if (current !== null) {
      this.#ordered.add(current.pid);
      const ended = new Promise<void>((resolve) => current.child.once('exit', () => resolve()));
      current.child.kill(signal);
      await ended;
    }
  }

  async close(): Promise<void> {
    await this.hold('SIGKILL');
    this.#log.end();
  }

  #spawn(): void {
    const { script, args = [], cwd, environment } = this.#options;
    const child = spawn(process.execPath, [script, ...args], {
      cwd,
      env: { ...outsideWorld(), NODE_COMPILE_CACHE: COMPILED, ...environment() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = child;
    if (pid === undefined) throw new Error(`Cannot start ${script}.`);
    living.add(child);
    const started: Started = { child, pid, isWorking: false, works: this.#untilItWorks(child) };
    this.#current = started;
    child.once('exit', (code, signal) => this.#ended(started, signal ?? String(code)));
    void started.works.then((match) => {
      if (match === null || this.#current !== started) return;
      started.isWorking = true;
      this.startCpuSeconds.push(cpuSecondsOf(pid));
      this.#endOutage();
    });
  }

  /** Null when it ended first; one that says nothing for a minute is ended. */
  #untilItWorks(child: ChildProcess): Promise<RegExpMatchArray | null> {
    return new Promise((resolve) => {
      const stuck = setTimeout(() => child.kill('SIGKILL'), STUCK_MS);
      const settle = (match: RegExpMatchArray | null) => {
        clearTimeout(stuck);
        resolve(match);
      };
      let said: string | null = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          this.#log.write(text);
          if (said === null) return;
          said = (said + text).slice(-20_000);
          const match = this.#options.saysItWorks.exec(said);
          if (match === null) return;
          said = null;
          settle(match);
        });
      }
      child.once('exit', () => settle(null));
    });
  }

  #ended(started: Started, how: string): void {
    living.delete(started.child);
    if (this.#current !== started) return;
    if (!this.#ordered.has(started.pid)) this.unasked.push(`${this.#options.what}: ${how}`);
    this.#current = null;
    this.#downSinceMs ??= Date.now();
    if (this.#isHeld) return;
    const delayMs = this.nextDelayMs > 0 ? this.nextDelayMs : this.#ordered.has(started.pid) ? 0 : RESTART_MS;
    this.nextDelayMs = 0;
    setTimeout(() => {
      if (!this.#isHeld && this.#current === null) this.#spawn();
    }, delayMs);
  }

  #endOutage(): void {
    if (this.#downSinceMs === null || this.#options.what === 'simulator') return;
    this.outages.push({ what: this.#options.what, fromMs: this.#downSinceMs, toMs: Date.now() });
    this.#downSinceMs = null;
  }
}

/** CPU that a process has used, by the system's own books; 0 where it shows none. */
function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
  } catch {
    return 0;
  }
}

/** What a shell has that knows nothing of leash. */
export function outsideWorld(): Record<string, string> {
  const ours =
    /^(LEASH|VASTAI|TEMPORAL|MODAL|ANTHROPIC|GATEWAY|ADMIN_TOKEN|VIEWER_TOKEN|HF_TOKEN|NODE_|VITEST)/;
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => !ours.test(entry[0]) && entry[1] !== undefined,
    ),
  );
}
