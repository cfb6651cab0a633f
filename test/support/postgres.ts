import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

/** Where PostgreSQL's own programs are; null: not on this machine. Debian keeps them off the PATH. */
export function findPostgres(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map((one) => join(debian, one, 'bin')) : [];
  const places = [...(process.env.PATH ?? '').split(delimiter), ...versions.reverse()];
  return (
    places.find((place) => existsSync(join(place, 'initdb')) && existsSync(join(place, 'postgres'))) ?? null
  );
}

export type Postgres = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  /** The same data on the same port, after `stop` or `kill`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL to the server and all that it started, as when its machine loses power. */
  kill(): Promise<void>;
};

export type PostgresOptions = {
  /** As a deployment has it: it waits for the disk with each commit, and wants a password. Left out, it is quick. */
  readonly durable?: { readonly user: string; readonly password: string; readonly logFile: string };
};

/** Crash recovery of what a killed one had not written; seconds on a busy machine. */
const START_MS = 60_000;

/** A PostgreSQL server of its own, on a free port of this machine. */
export async function startPostgres(bin: string, { durable }: PostgresOptions = {}): Promise<Postgres> {
  const data = mkdtempSync(join(tmpdir(), 'leash-postgres-'));
  const who = await notRoot(data);
  const user = durable?.user ?? 'leash';
  await initialise(join(bin, 'initdb'), { data, user, password: durable?.password ?? null, who });
  const port = await freePort();
  const login = durable === undefined ? user : `${user}:${durable.password}`;
  const url = `postgres://${login}@127.0.0.1:${port}/postgres`;
  let child: ChildProcess | null = null;
  const start = async () => {
    const flags = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', data];
    const log = durable === undefined ? 'ignore' : openSync(durable.logFile, 'a');
    const started = spawn(join(bin, 'postgres'), durable === undefined ? [...flags, '-F'] : flags, {
      ...who,
      stdio: ['ignore', log, log],
    });
    if (typeof log === 'number') closeSync(log);
    child = started;
    endWithUs(started);
    const isUp = () => {
      if (started.exitCode !== null) throw new Error(`PostgreSQL ended at once (${started.exitCode}).`);
      return answers(url);
    };
    await eventually('PostgreSQL answers', isUp, START_MS);
  };
  const end = async (send: (server: ChildProcess) => void) => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    send(running);
    await exited;
  };
  const stop = () => end((server) => server.kill('SIGINT'));
  const dispose = async () => {
    await stop();
    rmSync(data, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  const kill = async () => {
    const children: number[] = [];
    await end((server) => children.push(...killAll(server)));
    // Its memory is theirs too: with one of them left no successor starts.
    await eventually('all of PostgreSQL is gone', () => !children.some(isAlive));
  };
  return { url, port, start, stop, kill, [Symbol.asyncDispose]: dispose };
}

function endWithUs(server: ChildProcess): void {
  const end = () => server.kill('SIGQUIT');
  process.once('exit', end);
  server.once('exit', () => process.off('exit', end));
}

async function initialise(
  initdb: string,
  { data, user, password, who }: { data: string; user: string; password: string | null; who: object },
): Promise<void> {
  const flags = ['-D', data, '-U', user];
  if (password === null) {
    await run(initdb, [...flags, '--auth=trust', '--no-sync'], who);
    return;
  }
  const file = `${data}.password`;
  writeFileSync(file, password, { mode: 0o644 });
  await run(initdb, [...flags, '--auth=scram-sha-256', `--pwfile=${file}`, '--encoding=UTF8'], who).finally(
    () => rmSync(file),
  );
}

/** With its children, which are told: it is held first, so that it makes no more of them. */
function killAll(server: ChildProcess): number[] {
  const { pid } = server;
  if (pid === undefined) return [];
  server.kill('SIGSTOP');
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const children = listed
    .trim()
    .split(' ')
    .map(Number)
    .filter((child) => child > 0);
  server.kill('SIGKILL');
  for (const child of children) {
    try {
      process.kill(child, 'SIGKILL');
    } catch {
      // It saw its server die first.
    }
  }
  return children;
}

/** One that nobody has taken note of yet has ended all the same. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('Z') === false;
  } catch {
    return false;
  }
}

/** PostgreSQL refuses to run as root: then it is its own user's, or nobody's. */
async function notRoot(data: string): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const idOf = async (flag: string) => {
    const { stdout } = await run('id', [flag, 'postgres']).catch(() => run('id', [flag, 'nobody']));
    return Number(stdout);
  };
  const who = { uid: await idOf('-u'), gid: await idOf('-g') };
  chownSync(data, who.uid, who.gid);
  return who;
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  // A server that is still starting cuts the connection: that is an answer for the next look.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
