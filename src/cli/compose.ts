import { join } from 'node:path';
import type { Logger } from 'pino';
import { openArchive } from '../archive/archive.ts';
import { connectSessions, type Sessions } from '../client.ts';
import { type Config, namespaceOf, parseConfig } from '../config.ts';
import { type Installation, openConfigured } from '../installation.ts';
import { isSecretGiven } from '../secret-files.ts';
import { startHttpServer } from '../server.ts';
import { connectClient } from '../temporal/connection.ts';
import { startEmbeddedTemporal } from '../temporal/embedded-server.ts';
import { ensureNamespace } from '../temporal/namespace.ts';
import { openTracing, type Tracing } from '../tracing/tracing.ts';
import { type RunningWorker, startWorker } from '../worker.ts';
import { type PartName, Parts, type Trouble } from './compose/parts.ts';
import {
  type SimulatedMarket,
  type SimulatorChoices,
  startSimulatedMarket,
} from './compose/simulated-market.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type Composition = {
  readonly environment: Environment;
  readonly logger: Logger;
  /** Absent: simulated where the environment names no account. */
  readonly market?: 'simulated';
  readonly simulator?: SimulatorChoices;
  /** Start a Temporal server even where the environment names one. */
  readonly ownTemporal?: boolean;
  readonly onStarting?: (names: readonly PartName[]) => void;
};

/** Everything of one machine, running. */
export type Running = {
  readonly config: Config;
  readonly installation: Installation;
  readonly sessions: Sessions;
  readonly market: SimulatedMarket | { readonly kind: 'real'; readonly url: string };
  readonly temporal: { readonly address: string; readonly namespace: string; readonly uiUrl: string | null };
  readonly apiUrl: string;
  /** Resolves when a part ends by itself. */
  readonly died: Promise<Trouble>;
  /** HTTP server first, Temporal last. Tells what did not stop as it should. */
  stop(): Promise<Trouble[]>;
};

/**
 * Starts the market where it is simulated, Temporal, worker and HTTP server in one process tree.
 *
 * What has been started stops again when a later part cannot start.
 */
export async function compose(composition: Composition): Promise<Running> {
  const settled = settle(composition);
  const parts = new Parts();
  try {
    return await startAll(composition, settled, parts);
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

/** Which market, and so which home and namespace: a simulated installation shares nothing with a real one. */
export function settle({ environment, market }: Pick<Composition, 'environment' | 'market'>): {
  config: Config;
  isSimulated: boolean;
  home: string;
  namespace: string;
} {
  const isSimulated = market === 'simulated' || !isSecretGiven(environment, 'VASTAI_API_KEY');
  // The port is not known yet; that it is on this machine is what the rules of the settings ask.
  const config = parseConfig(
    isSimulated ? { ...environment, VASTAI_API_URL: 'http://127.0.0.1' } : environment,
  );
  return {
    config,
    isSimulated,
    home: isSimulated ? join(config.LEASH_HOME, 'simulated') : config.LEASH_HOME,
    namespace: namespaceOf(config),
  };
}

type Settled = ReturnType<typeof settle>;

async function startAll(composition: Composition, settled: Settled, parts: Parts): Promise<Running> {
  const { logger, onStarting } = composition;
  const installation = openConfigured(settled.config, settled.home);
  onStarting?.(settled.isSimulated ? ['simulated market', 'Temporal'] : ['Temporal']);
  const [market, temporal] = await bothOrNeither(
    startMarket(composition, settled, parts),
    startTemporal(composition, settled, parts),
  );
  const config: Config = {
    ...settled.config,
    ...(market.kind === 'simulated' && { VASTAI_API_URL: market.url, VASTAI_API_KEY: market.key }),
    ...(temporal.uiUrl !== null && { LEASH_TEMPORAL_UI_URL: temporal.uiUrl }),
  };
  const tracing = await startTracing(config, logger, parts);
  const given = {
    config,
    installation,
    address: temporal.address,
    namespace: temporal.namespace,
    logger,
    tracing,
  };

  onStarting?.(['worker']);
  const [worker, sessions] = await bothOrNeither(
    startOwnWorker(given, parts),
    startSessions({ ...given, interceptors: tracing?.ofClient, policy: policyFor(market) }, parts),
  );

  onStarting?.(['HTTP server']);
  const apiUrl = await startServer(
    { config, installation, sessions, logger, tracing, workerMetrics: () => worker.metrics.text() },
    parts,
  );
  return {
    config,
    installation,
    sessions,
    market,
    temporal,
    apiUrl,
    died: parts.died,
    stop: () => parts.stop(),
  };
}

async function startMarket(
  { simulator }: Composition,
  { config, isSimulated, home }: Settled,
  parts: Parts,
): Promise<Running['market']> {
  if (!isSimulated) return { kind: 'real', url: config.VASTAI_API_URL };
  const market = await startSimulatedMarket({
    home,
    port: config.LEASH_SIMULATOR_PORT,
    rateScale: config.LEASH_RATE_SCALE,
    ...simulator,
  });
  parts.add('simulated market', () => market.close());
  return market;
}

async function startTemporal(
  { ownTemporal }: Composition,
  { config, home, namespace }: Settled,
  parts: Parts,
): Promise<Running['temporal']> {
  const temporal =
    config.TEMPORAL_ADDRESS !== undefined && ownTemporal !== true
      ? { address: config.TEMPORAL_ADDRESS, uiUrl: null }
      : await startOwnTemporal(config, { home, namespace }, parts);
  const { connection, close } = await connectClient({ address: temporal.address, namespace });
  await ensureNamespace(connection, namespace).finally(close);
  return { address: temporal.address, namespace, uiUrl: temporal.uiUrl };
}

async function startOwnTemporal(config: Config, place: { home: string; namespace: string }, parts: Parts) {
  const temporal = await startEmbeddedTemporal({
    ...place,
    port: config.LEASH_TEMPORAL_PORT,
    uiPort: config.LEASH_TEMPORAL_UI_PORT,
    uiCodecEndpoint: codecEndpointOf(config),
    onExit: (why) => parts.tellDeath('Temporal', why),
  });
  parts.add('Temporal', () => temporal.stop());
  return temporal;
}

/** Where the HTTP server will decode for the Web UI; it starts later, and a port of 0 is not known yet. */
function codecEndpointOf({ LEASH_PAYLOAD_KEYS_FILE: keys, LEASH_PORT: port }: Config): string | undefined {
  return keys === undefined || port === 0 ? undefined : `http://127.0.0.1:${port}/codec`;
}

async function startTracing(config: Config, logger: Logger, parts: Parts): Promise<Tracing | null> {
  const tracing = await openTracing(config, logger);
  if (tracing !== null) parts.add('tracing', () => tracing.close());
  return tracing;
}

type Given = Parameters<typeof startWorker>[0];

async function startOwnWorker(given: Given, parts: Parts): Promise<RunningWorker> {
  const worker = await startWorker(given);
  parts.add('worker', () => worker.stop());
  worker.failed.catch((error: unknown) => parts.tellDeath('worker', error));
  return worker;
}

/** A simulated machine boots in a sixtieth of the time: forecasts and deadlines reckon with it. */
function policyFor(market: Running['market']): { bootTimeFactor: number } {
  return { bootTimeFactor: market.kind === 'simulated' ? 1 / market.timeScale : 1 };
}

async function startSessions(
  given: Omit<Parameters<typeof connectSessions>[0], 'archive'>,
  parts: Parts,
): Promise<Sessions> {
  const { owner, home } = given.installation;
  const archive = openArchive({ owner, home, databaseUrl: given.config.LEASH_DATABASE_URL });
  const sessions = await connectSessions({ ...given, archive });
  parts.add('sessions', () => sessions.close().finally(() => archive.close()));
  return sessions;
}

async function startServer(given: Parameters<typeof startHttpServer>[0], parts: Parts): Promise<string> {
  const server = await startHttpServer(given);
  parts.add('HTTP server', () => server.close());
  return server.url;
}

/** Waits for both even where one has failed: what the other started must be there to be stopped. */
async function bothOrNeither<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
