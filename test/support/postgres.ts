import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
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
  /** The same data on the same port, after `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** A PostgreSQL server of its own, on a free port of this machine. */
export async function startPostgres(bin: string): Promise<Postgres> {
  const data = mkdtempSync(join(tmpdir(), 'leash-postgres-'));
  const who = await notRoot(data);
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'leash', '--auth=trust', '--no-sync'], who);
  const port = await freePort();
  const url = `postgres://leash@127.0.0.1:${port}/postgres`;
  let child: ChildProcess | null = null;
  const start = async () => {
    const flags = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', data, '-F'];
    child = spawn(join(bin, 'postgres'), flags, { ...who, stdio: 'ignore' });
    await eventually('PostgreSQL answers', () => answers(url));
  };
  const stop = async () => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null) return;
    running.kill('SIGINT');
    await once(running, 'exit');
  };
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
  return { url, start, stop, [Symbol.asyncDispose]: dispose };
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
