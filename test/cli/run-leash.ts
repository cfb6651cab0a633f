import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const LEASH = fileURLToPath(new URL('../../bin/leash.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type LeashEnd = { readonly code: number | null; readonly out: string; readonly err: string };

export type LeashProcess = AsyncDisposable & {
  readonly pid: number;
  /** Everything said so far on standard output. */
  out(): string;
  /** Waits until standard output matches; the match. */
  awaitOutput(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  signal(name: NodeJS.Signals): void;
  /** Waits for its end. */
  ended(timeoutMs?: number): Promise<LeashEnd>;
};

type Run = { readonly env?: Record<string, string>; readonly cwd?: string };

/** Runs `leash` to its end as a person's shell would, with none of this process's settings. */
export async function runLeash(args: readonly string[], run: Run = {}): Promise<LeashEnd> {
  await using leash = startLeash(args, run);
  // Awaited here: what is disposed at the return would end it first.
  return await leash.ended();
}

export function startLeash(args: readonly string[], { env = {}, cwd = ROOT }: Run = {}): LeashProcess {
  const child = spawn(process.execPath, [LEASH, ...args], {
    cwd,
    env: { ...outsideWorld(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const exited = once(child, 'close');

  async function awaitOutput(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpMatchArray> {
    const deadline = AbortSignal.timeout(timeoutMs);
    while (true) {
      const match = out.match(pattern);
      if (match !== null) return match;
      if (child.exitCode !== null) throw new Error(`leash ended before ${pattern}:\n${out}\n${err}`);
      await once(child.stdout, 'data', { signal: deadline }).catch(() => {
        if (deadline.aborted) throw new Error(`no ${pattern} within ${timeoutMs} ms:\n${out}\n${err}`);
      });
    }
  }

  async function ended(timeoutMs = 30_000): Promise<LeashEnd> {
    const deadline = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => deadline.reject(new Error(`leash ${args.join(' ')} has not ended:\n${out}\n${err}`)),
      timeoutMs,
    );
    await Promise.race([exited, deadline.promise]).finally(() => clearTimeout(timer));
    return { code: child.exitCode, out, err };
  }

  return {
    pid: child.pid ?? 0,
    out: () => out,
    awaitOutput,
    signal: (name) => void child.kill(name),
    ended,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** What a shell has that knows nothing of leash. */
export function outsideWorld(): NodeJS.ProcessEnv {
  const ours = /^(LEASH|VASTAI|TEMPORAL|MODAL|ANTHROPIC|GATEWAY|ADMIN_TOKEN|HF_TOKEN|NODE_|VITEST)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}
