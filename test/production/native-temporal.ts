import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { Client } from 'pg';
import { cachedTemporalServer } from '../../scripts/find-temporal.mjs';
import { outsideWorld } from '../campaign/programs.ts';
import { again, type TemporalOfStack } from '../campaign/temporal.ts';
import { eventually } from '../support/eventually.ts';
import { findPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { composedTemporal, environmentHere, PORT_NAMES } from './compose-temporal.ts';

const run = promisify(execFile);

const COMPOSE_FILE = new URL('../../docker-compose.yml', import.meta.url);
const USER = 'temporal';
const PASSWORD = 'campaigndatabasepassword';
/** As in the compose file: made by the product's own set-up, when the first process of it starts. */
const NAMESPACE = 'leash';
/** The tables of each of Temporal's two databases, and a third for the archive. */
const DATABASES = { temporal: 'temporal', temporal_visibility: 'visibility' } as const;
const ARCHIVE = 'leash';
/** A shard that its killed predecessor held is taken over when its lease is seen to have ended. */
const SERVING_MS = 120_000;

/** Why this cannot run here, in a sentence that says what to install; null when it can. */
export function whyNotNative(): string | null {
  const missing = [
    ...(findPostgres() === null
      ? ['PostgreSQL is not installed (`apt-get install postgresql`, or any that puts `initdb` on the PATH)']
      : []),
    ...(existsSync(cachedTemporalServer())
      ? []
      : ['the Temporal server is not built (`node scripts/setup.mjs --production` builds it with Go)']),
    ...(process.platform === 'linux'
      ? []
      : ['it kills PostgreSQL with all its processes, which it finds on Linux alone']),
  ];
  return missing.length === 0
    ? null
    : `This runs on PostgreSQL and a Temporal server of its own: ${missing.join('; ')}.`;
}

/**
 * Temporal's server on a PostgreSQL of its own, with the settings that docker-compose.yml gives both, as processes of
 * this machine. The archive is a third database beside Temporal's two.
 */
export async function startNativeTemporal(home: string): Promise<NativeTemporal> {
  const why = whyNotNative();
  const bin = findPostgres();
  if (why !== null || bin === null) throw new Error(why ?? 'PostgreSQL is not installed.');
  const place = join(home, 'temporal');
  mkdirSync(place, { recursive: true });
  const postgres = await startPostgres(bin, {
    durable: { user: USER, password: PASSWORD, logFile: join(place, 'postgres.log') },
  });
  try {
    await makeDatabases(postgres);
    const server = new NativeServer(place, postgres.port, await freePorts(PORT_NAMES.length));
    await server.start();
    return nativeTemporal({ postgres, server, bin });
  } catch (error) {
    await postgres[Symbol.asyncDispose]();
    throw error;
  }
}

export type NativeTemporal = TemporalOfStack & {
  readonly postgres: Postgres;
  /** Folder of PostgreSQL's own programs. */
  readonly bin: string;
  /** What `pg_dump` and its kin are given to come in. */
  readonly login: Readonly<Record<string, string>>;
  /** The server alone, so that its databases can be put back. */
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
};

function nativeTemporal({
  postgres,
  server,
  bin,
}: {
  postgres: Postgres;
  server: NativeServer;
  bin: string;
}): NativeTemporal {
  return {
    address: server.address,
    namespace: NAMESPACE,
    databaseUrl: databaseUrl(postgres, ARCHIVE),
    logFiles: ['temporal/temporal.log', 'temporal/postgres.log'],
    postgres,
    bin,
    login: { PGHOST: '127.0.0.1', PGPORT: String(postgres.port), PGUSER: USER, PGPASSWORD: PASSWORD },
    kill: async (what) => {
      if (what === 'postgres') {
        await postgres.kill();
        await again(() => postgres.start());
        await server.awaitServing();
      } else {
        await server.kill();
        await again(() => server.start());
      }
    },
    stopServer: () => server.kill(),
    startServer: () => server.start(),
    stop: async () => {
      await server.kill();
      await postgres[Symbol.asyncDispose]();
    },
  };
}

/** The server's process; started again as a container's `restart: unless-stopped` does. */
class NativeServer {
  readonly address: string;
  readonly #logFile: string;
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #isWanted = false;

  constructor(place: string, databasePort: number, ports: readonly number[]) {
    this.address = `127.0.0.1:${ports[0]}`;
    this.#logFile = join(place, 'temporal.log');
    const composed = composedTemporal(readFileSync(COMPOSE_FILE, 'utf8'));
    const dynamicConfigFile = join(place, 'dynamic-config.yaml');
    writeFileSync(dynamicConfigFile, composed.dynamicConfig);
    this.#environment = environmentHere(composed, {
      databasePort,
      password: PASSWORD,
      dynamicConfigFile,
      ports,
    });
  }

  async start(): Promise<void> {
    this.#isWanted = true;
    this.#spawn();
    await this.awaitServing();
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    const running = this.#child;
    this.#child = null;
    if (running === null || hasExited(running)) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
  }

  async awaitServing(): Promise<void> {
    await eventually(
      () => `Temporal serves at ${this.address}; see ${this.#logFile}`,
      () => isServing(this.address),
      SERVING_MS,
    );
  }

  #spawn(): void {
    const log = openSync(this.#logFile, 'a');
    const place = cachedTemporalServer();
    const child = spawn(
      join(place, 'bin/temporal-server'),
      ['--root', place, '--config', 'config', '--env', 'docker', '--allow-no-auth', 'start'],
      { cwd: place, env: { ...outsideWorld(), ...this.#environment }, stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#child = child;
    endWithUs(child);
    child.once('exit', () => {
      // Without its database it gives up after a while; then it is tried again.
      if (this.#isWanted && this.#child === child) setTimeout(() => this.#isWanted && this.#spawn(), 1_000);
    });
  }
}

function endWithUs(child: ChildProcess): void {
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function isServing(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1_000 });
    try {
      await connection.workflowService.listNamespaces({ pageSize: 1 });
      return true;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}

async function makeDatabases(postgres: Postgres): Promise<void> {
  const place = cachedTemporalServer();
  const tool = (database: string, ...args: string[]) =>
    run(
      join(place, 'bin/temporal-sql-tool'),
      [
        ...['--plugin', 'postgres12', '--ep', '127.0.0.1', '-p', String(postgres.port), '-u', USER],
        ...['--db', database, ...args],
      ],
      { env: { ...outsideWorld(), SQL_PASSWORD: PASSWORD } },
    );
  for (const [database, tables] of Object.entries(DATABASES)) {
    await tool(database, 'create');
    await tool(database, 'setup-schema', '-v', '0.0');
    await tool(database, 'update-schema', '-d', join(place, 'schema', tables, 'versioned'));
  }
  await askPostgres(postgres, `CREATE DATABASE ${ARCHIVE}`);
}

async function askPostgres({ url }: Postgres, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

function databaseUrl({ url }: Postgres, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}

/** The table of its ring's members holds a port as a number of two bytes with a sign. */
const PORT_MAX = 32_767;
const PORT_MIN = 12_000;

/** Below the ports that this machine gives out by itself, which are too high; all distinct. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await once(probe.close(), 'close');
  return true;
}
