import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { findTemporalCli } from '../../scripts/find-temporal.mjs';
import { awaitHomeFree, claimHome, databaseFile } from './home-claim.ts';
import { SEARCH_ATTRIBUTES, type SearchAttributeType } from './namespace.ts';
import { errorText, untilDeadline } from './waiting.ts';

/**
 * Temporal's development server as a child of this process, for a whole installation on one machine.
 *
 * 1. Its sessions outlive it: the database is a file under `home`.
 * 2. It outlives Ctrl-C: it has a process group of its own, for teardown needs it to the last.
 * 3. It does not outlive us: when this process is killed, a watcher ends the server, so that the next
 *    start finds its port and database free.
 */
export interface EmbeddedTemporalOptions {
  /** Directory of the database and the log; made when it is missing. */
  home: string;
  /** 0 takes a free one. */
  port: number;
  /** Port of the Web UI; `null` runs none, 0 takes a free one. */
  uiPort: number | null;
  namespace: string;
  /** Where its Web UI has payloads decoded; absent: nowhere. */
  uiCodecEndpoint?: string | undefined;
  /** Settings of the server, name to JSON value; these come over `DYNAMIC_CONFIG`. */
  dynamicConfig?: Record<string, unknown>;
  searchAttributes?: Record<string, SearchAttributeType>;
  /** Where the server's own output goes; `temporal.log` under `home` when absent. */
  logFile?: string;
  /** How long a server that is left on this home may take to end, ms. */
  homeTimeoutMs?: number;
  /** How long it may take until it serves, ms. */
  startTimeoutMs?: number;
  /** Called once when the server ends without `stop()`, with a sentence that says so. */
  onExit?: (why: string) => void;
}

export interface EmbeddedTemporal {
  address: string;
  namespace: string;
  uiUrl: string | null;
  pid: number;
  /** Ends the server and waits until it is gone. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * What a server on one machine is told. Timers shorter than a second take a second without the first
 * (measured); the rate of a paced task queue holds exactly only where the queue has one partition.
 */
export const DYNAMIC_CONFIG: Readonly<Record<string, unknown>> = {
  'history.timerProcessorMaxTimeShift': '5ms',
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
};

/** Starts the server and waits until it serves. Throws a sentence that says what is in the way. */
export async function startEmbeddedTemporal(options: EmbeddedTemporalOptions): Promise<EmbeddedTemporal> {
  const cli = findTemporalCli();
  if (cli.kind === 'missing') throw new Error(cli.why);

  mkdirSync(options.home, { recursive: true });
  await awaitHomeFree(options.home, options.homeTimeoutMs ?? 15_000);
  const port = await claimPort(options.port, 'LEASH_TEMPORAL_PORT');
  const uiPort = options.uiPort === null ? null : await claimPort(options.uiPort, 'LEASH_TEMPORAL_UI_PORT');
  const logFile = options.logFile ?? join(options.home, 'temporal.log');

  const server = launch(cli.path, commandLine(options, port, uiPort), logFile);
  const { pid } = server;
  if (pid === undefined) throw new Error(`Cannot run ${cli.path}: ${errorText(await spawnError(server))}.`);
  const watcher = watchOver(pid);
  claimHome(options.home, { pid, port });
  const stop = () => end(server, watcher);

  const address = `127.0.0.1:${port}`;
  try {
    await awaitServing(server, address, logFile, options.startTimeoutMs ?? 30_000);
  } catch (error) {
    await stop();
    throw error;
  }

  let isStopping = false;
  server.once('exit', (code, signal) => {
    release(watcher);
    if (!isStopping)
      options.onExit?.(`The Temporal server ended by itself (${signal ?? code}); see ${logFile}.`);
  });
  return {
    address,
    namespace: options.namespace,
    uiUrl: uiPort === null ? null : `http://127.0.0.1:${uiPort}`,
    pid,
    stop: () => {
      isStopping = true;
      return stop();
    },
  };
}

/** `port` if it is free, else a sentence; for 0 any free port. */
async function claimPort(port: number, setting: string): Promise<number> {
  const probe = createServer();
  probe.listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch (error) {
    throw new Error(
      `Port ${port} on 127.0.0.1, wanted for Temporal, cannot be used (${errorText(error)}). ` +
        `\`lsof -i :${port}\` names the program that has it: stop that, or set ${setting} to a free port.`,
      { cause: error },
    );
  }
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : port;
}

function commandLine(options: EmbeddedTemporalOptions, port: number, uiPort: number | null): string[] {
  const settings = Object.entries({ ...DYNAMIC_CONFIG, ...options.dynamicConfig });
  const attributes = Object.entries(options.searchAttributes ?? SEARCH_ATTRIBUTES);
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port)],
    ...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(options.uiCodecEndpoint === undefined ? [] : ['--ui-codec-endpoint', options.uiCodecEndpoint]),
    ...['--db-filename', databaseFile(options.home), '--namespace', options.namespace],
    ...settings.flatMap(([name, value]) => ['--dynamic-config-value', `${name}=${JSON.stringify(value)}`]),
    ...attributes.flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    // Its warnings at every shutdown (polls cut short) would bury what matters.
    ...['--log-level', 'error', '--log-format', 'json'],
  ];
}

function launch(path: string, args: string[], logFile: string): ChildProcess {
  const log = openSync(logFile, 'w', 0o600);
  try {
    return spawn(path, args, { detached: true, stdio: ['ignore', log, log], env: withoutTemporalSettings() });
  } finally {
    closeSync(log);
  }
}

/** The command line reads `TEMPORAL_*` too: what names another server must not reach this one. */
function withoutTemporalSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

async function spawnError(server: ChildProcess): Promise<unknown> {
  const [error] = await once(server, 'error');
  return error;
}

/**
 * Ends the server when we die without doing so: the watcher's input is a pipe that we hold, and it
 * closes with us however we end. A line on it says that the server is no longer the watcher's business.
 */
function watchOver(serverPid: number): ChildProcess | null {
  if (process.platform === 'win32') return null;
  const script = 'read -r line || kill -TERM "$1"';
  const watcher = spawn('/bin/sh', ['-c', script, 'sh', String(serverPid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.on('error', () => undefined);
  watcher.stdin?.on('error', () => undefined);
  watcher.unref();
  if (watcher.stdin && 'unref' in watcher.stdin && typeof watcher.stdin.unref === 'function')
    watcher.stdin.unref();
  return watcher;
}

function release(watcher: ChildProcess | null): void {
  watcher?.stdin?.end('released\n');
}

async function awaitServing(server: ChildProcess, address: string, logFile: string, timeoutMs: number) {
  const exited = new AbortController();
  const onExit = () => exited.abort();
  server.once('exit', onExit);
  if (hasExited(server)) exited.abort();
  const outcome = await untilDeadline(timeoutMs, () => checkServing(address), {
    pauseMs: 25,
    signal: exited.signal,
  });
  server.off('exit', onExit);
  if (outcome.kind === 'done') return;
  const said = lastLine(logFile);
  throw new Error(
    exited.signal.aborted
      ? `The Temporal server ended at once${said ? `: ${said}` : ''} (log: ${logFile}).`
      : `The Temporal server did not serve at ${address} within ${timeoutMs / 1_000} s (log: ${logFile}).`,
  );
}

const SERVING = 1;

async function checkServing(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 1_000 });
  try {
    const service = 'temporal.api.workflowservice.v1.WorkflowService';
    const { status } = await connection.healthService.check({ service });
    if (status !== SERVING) throw new Error(`health status ${status}`);
  } finally {
    await connection.close();
  }
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').at(-1)?.slice(0, 500) ?? '';
}

/** Asks the server to end, and insists when it has not within ten seconds. */
async function end(server: ChildProcess, watcher: ChildProcess | null): Promise<void> {
  if (!hasExited(server)) {
    const exited = once(server, 'exit');
    server.kill('SIGTERM');
    const patience = new AbortController();
    const insist = delay(10_000, undefined, { signal: patience.signal, ref: false }).then(
      () => server.kill('SIGKILL'),
      () => undefined,
    );
    await exited;
    patience.abort();
    await insist;
  }
  release(watcher);
}

function hasExited(server: ChildProcess): boolean {
  return server.exitCode !== null || server.signalCode !== null;
}
