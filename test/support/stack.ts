import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { inject, vi } from 'vitest';
import type { LaunchInput } from '../../src/admin/schema.ts';
import { openArchive } from '../../src/archive/archive.ts';
import { connectSessions, type Sessions } from '../../src/client.ts';
import { type Config, parseConfig } from '../../src/config.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { type Installation, openInstallation } from '../../src/installation.ts';
import { type HttpServer, type HttpServerDeps, startHttpServer } from '../../src/server.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { ensureNamespace } from '../../src/temporal/namespace.ts';
import { openTracing, type Tracing } from '../../src/tracing/tracing.ts';
import { type RunningWorker, startWorker } from '../../src/worker.ts';
import { Api } from './api.ts';
import { Books } from './books.ts';
import { eventually } from './eventually.ts';
import { type Child, startServerProcess, startWorkerProcess } from './processes.ts';

// A session lasts seconds on a quiet machine; a busy one must not turn that into a failure.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

export type StackOptions = {
  /** Its market: seed, time scale, faults from the start. */
  readonly simulator?: SimulatorOptions;
  /** Settings by their names, over the quick ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Durations that no setting names; they reach sessions launched through the server in this process. */
  readonly policy?: Partial<Policy>;
  /** `process`: as a child that can be killed; `none`: until `startWorker` is called. */
  readonly worker?: 'inside' | 'process' | 'none';
  /** Another Temporal server than the run's own. */
  readonly temporalAddress?: string;
};

/** A whole installation: its own market, namespace and home, the real worker, the real HTTP server. */
export type Stack = AsyncDisposable & {
  readonly market: Simulator;
  readonly api: Api;
  readonly books: Books;
  readonly owner: string;
  readonly token: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** What a process of this installation is started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Every line of its own logged in this process; workflows of all stacks write to the first stack's. */
  readonly log: readonly string[];
  /** What labels of this session begin with, for faults that shall meet it alone. */
  labelPrefix(session: string): string;
  /** Through `POST /_sim/faults`, as anybody would. */
  faults(...scripts: readonly object[]): Promise<void>;
  /** Waits until no fault of this kind is in force any more. */
  awaitFaultsSpent(fault: string): Promise<void>;
  /** Rents in the same account past Leash, one instance for each label; their contracts' ids. */
  rentForOthers(labels: readonly (string | null)[]): Promise<number[]>;
  startWorker(): Promise<void>;
  stopWorker(): Promise<void>;
  /** A worker as a process of its own, polling; with other settings where any are named. */
  workerProcess(settings?: Readonly<Record<string, string>>, product?: string): Promise<Child>;
  /** A server as a process of its own, answering, and how to talk to it. */
  serverProcess(settings?: Readonly<Record<string, string>>): Promise<Child & { readonly api: Api }>;
};

/**
 * Waits are short and money is small; everything is waited for the same way as on the real market.
 * Machines boot 300 times faster; dollars run by the wall clock.
 */
const QUICK_SETTINGS: Readonly<Record<string, string>> = {
  LEASH_RATE_SCALE: '0',
  LEASH_PORT: '0',
  LEASH_LOG_LEVEL: 'info',
  LEASH_SETTLE_SECONDS: '3',
  LEASH_DRAIN_SECONDS: '1',
  LEASH_METER_SECONDS: '2',
  LEASH_TEARDOWN_MARGIN_SECONDS: '20',
  VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '1',
  VASTAI_MAX_SEARCH_RETRIES: '1',
};

const QUICK_POLICY: Partial<Policy> = {
  bootLookMs: 400,
  absenceGapMs: 400,
  searchPauseMs: 300,
  portGraceMs: 1_500,
  lostGapMs: 500,
  heartbeatMs: 1_000,
  heartbeatTimeoutMs: 5_000,
};

/** Offers stay as they are: what changes, and what is gone, is the test's to say. */
const QUICK_MARKET: SimulatorOptions = {
  timeScale: 300,
  rateScale: 0,
  machines: 300,
  seed: 1,
  restlessness: 0,
};

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const home = mkdtempSync(join(tmpdir(), 'leash-scenario-'));
  const closing = new AsyncDisposableStack();
  closing.defer(() => rmSync(home, { recursive: true, force: true }));
  try {
    return await raise(options, home, closing);
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

async function raise(options: StackOptions, home: string, closing: AsyncDisposableStack): Promise<Stack> {
  const address = options.temporalAddress ?? inject('temporalAddress');
  const namespace = `scenario-${randomBytes(5).toString('hex')}`;
  const market = await startSimulator({ ...QUICK_MARKET, ...options.simulator });
  closing.defer(() => market.close());
  await prepareNamespace(address, namespace);
  const environment = {
    ...QUICK_SETTINGS,
    ...options.settings,
    VASTAI_API_URL: market.url,
    VASTAI_API_KEY: market.key,
    LEASH_HOME: home,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  };
  const config = parseConfig(environment);
  const installation = openInstallation({ home });
  const log: string[] = [];
  const logger = pino({ level: config.LEASH_LOG_LEVEL }, { write: (line) => log.push(line) });
  const tracing = await openTracing(config, logger);
  closing.defer(() => tracing?.close());
  const given = { config, installation, address, namespace, logger, tracing };

  const worker = new WorkerHere(given);
  closing.defer(() => worker.stop());
  if (options.worker === undefined || options.worker === 'inside') await worker.start();
  const { sessions, server } = await startServerHere(
    { ...given, workerMetrics: () => worker.metrics() },
    { ...QUICK_POLICY, ...options.policy },
  );
  closing.defer(() => sessions.close());
  closing.defer(() => server.close());

  const processes: Child[] = [];
  closing.defer(async () => {
    await Promise.all(processes.map((child) => child.kill()));
  });
  const workerProcess = async (settings: Readonly<Record<string, string>> = {}, product?: string) => {
    const child = await startWorkerProcess({ ...environment, ...settings }, product);
    processes.push(child);
    return child;
  };
  if (options.worker === 'process') await workerProcess();

  return {
    market,
    api: new Api(server.url, installation.adminToken),
    books: new Books(market.url, installation.owner),
    owner: installation.owner,
    token: installation.adminToken,
    temporal: { address, namespace },
    environment,
    log,
    labelPrefix: (session) => `leash.${installation.owner}.${session}.`,
    faults: (...scripts) => addFaults(market.url, scripts),
    awaitFaultsSpent: async (fault) => {
      await eventually(`no ${fault} is left`, async () => !(await faultsInForce(market.url)).includes(fault));
    },
    rentForOthers: (labels) => rentForOthers(market, labels),
    startWorker: () => worker.start(),
    stopWorker: () => worker.stop(),
    workerProcess,
    serverProcess: async (settings = {}) => {
      const child = await startServerProcess({ ...environment, ...settings });
      processes.push(child);
      return { ...child, api: new Api(child.url, installation.adminToken) };
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

async function prepareNamespace(address: string, namespace: string): Promise<void> {
  const { connection, close } = await connectClient({ address, namespace });
  await ensureNamespace(connection, namespace).finally(close);
}

type Given = {
  config: Config;
  installation: Installation;
  address: string;
  namespace: string;
  logger: Logger;
  tracing: Tracing | null;
};

async function startServerHere(
  given: Given & Pick<HttpServerDeps, 'workerMetrics'>,
  policy: Partial<Policy>,
): Promise<{ sessions: Sessions; server: HttpServer }> {
  const { owner, home } = given.installation;
  const archive = openArchive({ owner, home, databaseUrl: given.config.LEASH_DATABASE_URL });
  const connected = await connectSessions({
    ...given,
    archive,
    policy,
    interceptors: given.tracing?.ofClient,
  });
  const sessions = { ...connected, close: () => connected.close().finally(() => archive.close()) };
  try {
    return { sessions, server: await startHttpServer({ ...given, sessions, drainMs: 1_000 }) };
  } catch (error) {
    await sessions.close();
    throw error;
  }
}

/** The worker in this process; safe to stop twice. */
class WorkerHere {
  readonly #given: Given;
  #running: RunningWorker | null = null;

  constructor(given: Given) {
    this.#given = given;
  }

  async start(): Promise<void> {
    this.#running ??= await startWorker(this.#given);
  }

  /** As `npm start` has them on one page with the server's; nothing while it does not run. */
  async metrics(): Promise<string> {
    return (await this.#running?.metrics.text()) ?? '';
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.stop();
  }
}

async function addFaults(marketUrl: string, scripts: readonly object[]): Promise<void> {
  const answer = await fetch(`${marketUrl}/_sim/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ add: scripts }),
    signal: AbortSignal.timeout(5_000),
  });
  if (!answer.ok) throw new Error(`The simulator refuses these faults: ${await answer.text()}`);
}

async function faultsInForce(marketUrl: string): Promise<string[]> {
  const answer = await fetch(`${marketUrl}/_sim/faults`, { signal: AbortSignal.timeout(5_000) });
  const { faults } = (await answer.json()) as { faults: { fault: string }[] };
  return faults.map(({ fault }) => fault);
}

/** Free offers of one GPU, ordered as somebody else's own program would order them. */
async function rentForOthers({ url, key }: Simulator, labels: readonly (string | null)[]): Promise<number[]> {
  const answer = await fetch(`${url}/_sim/machines`, { signal: AbortSignal.timeout(5_000) });
  const { machines } = (await answer.json()) as {
    machines: {
      offers: { offer_id: number; num_gpus: number; contract_id: number | null; listed: boolean }[];
    }[];
  };
  const free = machines
    .flatMap(({ offers }) => offers)
    .filter(({ num_gpus, contract_id, listed }) => num_gpus === 1 && contract_id === null && listed);
  const ids: number[] = [];
  for (const [index, label] of labels.entries()) {
    const made = await fetch(`${url}/api/v0/asks/${free[index]?.offer_id}/`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        client_id: 'me',
        image: 'ubuntu:24.04',
        disk: 10,
        runtype: 'ssh_proxy',
        ...(label === null ? {} : { label }),
      }),
      signal: AbortSignal.timeout(5_000),
    });
    const { new_contract: id } = (await made.json()) as { new_contract?: number };
    if (id === undefined) throw new Error(`Cannot rent for others: ${made.status}`);
    ids.push(id);
  }
  return ids;
}

/** A launch that lasts as long as the test wants it, and whose waits are short. */
export function aLaunch(set: LaunchInput = {}): LaunchInput {
  return { keep_alive_minutes: 10, budget_usd: 1, max_lifetime_minutes: 60, ...set };
}
