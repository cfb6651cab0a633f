import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PYTHON } from '../simulator/official-cli.ts';
import { eventually } from '../support/eventually.ts';
import type { Engine } from './engine.ts';

/** The worker published by Vast.ai, in Python, or ours. */
export type Kind = 'official' | 'ours';

export type WorkerOrder = {
  readonly kind: Kind;
  readonly id: number;
  readonly engine: Engine;
  readonly modelPort: number;
  /** What the model has logged so far; without its line of being up the worker goes on loading. */
  readonly modelLog?: string;
  /** Load per second, saved by an earlier run; null makes it run its benchmark. */
  readonly savedBenchmark?: number | null;
  readonly environment?: Readonly<Record<string, string>>;
  /** Another program than the one with the routes of the cases. */
  readonly program?: string;
  /** The outside address is this machine's own, so that a client gets through. */
  readonly isReachable?: boolean;
};

export type RunningWorker = AsyncDisposable & {
  readonly id: number;
  readonly port: number;
  readonly httpPort: number;
  readonly pid: number;
  readonly modelLog: string;
  output(): string;
};

/** The saved result that both begin with: load per second. */
export const MAX_PERF = 1_000;
/** What both workers report as their address, and what callers' signatures are of. */
export const PUBLIC_URL = 'http://203.0.113.7:40123';
export const MASTER_TOKEN = 'master-token-of-the-tests';
export const LOADED_LINE = 'INFO the model is up\n';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const START_MS = 60_000;

/** A worker of either kind with the routes of the cases; here once it listens, and is ready if its model is up. */
export async function startWorker(order: WorkerOrder): Promise<RunningWorker> {
  const home = mkdtempSync(join(tmpdir(), `leash-${order.kind}-`));
  const modelLog = join(home, 'model.log');
  writeFileSync(modelLog, order.modelLog ?? LOADED_LINE);
  const saved = order.savedBenchmark === undefined ? MAX_PERF : order.savedBenchmark;
  if (saved !== null) writeFileSync(join(home, '.has_benchmark'), String(saved));
  const [port, httpPort] = [await freePort(), await freePort()];
  const [command, program] =
    order.kind === 'official'
      ? [PYTHON, order.program ?? join(HERE, 'official_worker.py')]
      : [process.execPath, order.program ?? join(HERE, 'our-worker.ts')];
  const child = spawn(command, [program], {
    cwd: home,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      CONTAINER_ID: String(order.id),
      MASTER_TOKEN,
      REPORT_ADDR: order.engine.url,
      WORKER_PORT: String(port),
      WORKER_HTTP_PORT: String(httpPort),
      [`VAST_TCP_PORT_${port}`]: order.isReachable ? String(port) : new URL(PUBLIC_URL).port,
      PUBLIC_IPADDR: order.isReachable ? '127.0.0.1' : new URL(PUBLIC_URL).hostname,
      MODEL_SERVER_URL: 'http://127.0.0.1',
      MODEL_SERVER_PORT: String(order.modelPort),
      MODEL_LOG: modelLog,
      UPDATE_FILE: join(home, 'force_update'),
      ...order.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const stop = async () => {
    await end(child);
    rmSync(home, { recursive: true, force: true });
  };
  const hasLine = (order.modelLog ?? LOADED_LINE).includes(LOADED_LINE);
  const isUp = () =>
    hasLine ? order.engine.book(order.id).reports.some(({ loadtime }) => loadtime > 0) : isListening(port);
  try {
    await eventually(
      () => `the ${order.kind} worker is ready; it said: ${output().slice(-3_000)}`,
      () => {
        if (child.exitCode !== null) throw new Error(`The ${order.kind} worker ended: ${output()}`);
        return isUp();
      },
      START_MS,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { id: order.id, port, httpPort, pid: child.pid ?? 0, modelLog, output, [Symbol.asyncDispose]: stop };
}

async function isListening(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
  await answer?.body?.cancel();
  return answer !== null;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A server on TCP has a port');
  return address.port;
}

function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-200_000);
    });
  }
  return () => output;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
