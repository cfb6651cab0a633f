import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

/** A process of ours that can be killed as the machine would kill it. */
export type Child = {
  readonly pid: number;
  /** SIGKILL unless another is named, and waited for. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  output(): string;
};

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_MS = 90_000;

/** `node src/worker.ts` of this checkout or another, from the environment alone; here once it says that it runs. */
export async function startWorkerProcess(
  environment: Readonly<Record<string, string>>,
  product: string = ROOT,
): Promise<Child> {
  const child = run('src/worker.ts', environment, product);
  await started(child, 'the worker runs', () => child.output().includes('worker is running'));
  return child;
}

/** `node src/server.ts`, from the environment alone; here once it answers. */
export async function startServerProcess(
  environment: Readonly<Record<string, string>>,
): Promise<Child & { readonly url: string }> {
  const child = run('src/server.ts', environment);
  const url = await started(
    child,
    'the server listens',
    () => /https?:\/\/127\.0\.0\.1:\d+/.exec(/listening[^\n]*/.exec(child.output())?.[0] ?? '')?.[0],
  );
  return { ...child, url };
}

function run(
  program: string,
  environment: Readonly<Record<string, string>>,
  product: string = ROOT,
): Child & { hasExited(): boolean } {
  const path = process.env.PATH === undefined ? {} : { PATH: process.env.PATH };
  const home = process.env.HOME === undefined ? {} : { HOME: process.env.HOME };
  const child = spawn(process.execPath, [program], {
    cwd: product,
    env: { ...path, ...home, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-100_000);
    });
  }
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: pidOf(child),
    output: () => output,
    hasExited,
    kill: (signal) => end(child, hasExited, signal),
  };
}

async function started<Seen>(
  child: Child & { hasExited(): boolean },
  what: string,
  look: () => Seen,
): Promise<NonNullable<Seen>> {
  try {
    return await eventually(
      () => `${what}; it said: ${child.output()}`,
      () => {
        if (child.hasExited()) throw new Error(`It ended: ${child.output()}`);
        return look();
      },
      START_MS,
    );
  } catch (error) {
    await child.kill();
    throw error;
  }
}

async function end(child: ChildProcess, hasExited: () => boolean, signal: NodeJS.Signals = 'SIGKILL') {
  if (hasExited()) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('The process could not be started.');
  return child.pid;
}
