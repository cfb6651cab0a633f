import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ContractRecord, contractRecords } from './api/control.ts';
import type { Backend } from './backend.ts';
import { publicAddress } from './containers.ts';
import type { FaultScript } from './faults.ts';
import type { ProfileName } from './profiles.ts';
import type { RequestEntry } from './request-log.ts';
import { makeServer, type Stage } from './server.ts';
import { type ServerlessRecords, serverlessRecords } from './serverless/inspection.ts';
import type { Patience } from './serverless/serverless.ts';
import { loadState, StateFile } from './state-file.ts';
import type { Trigger } from './triggers.ts';
import { World, type WorldSettings } from './world.ts';

/** As the flags of `leash simulate`, with a few things that only tests need. */
export type SimulatorOptions = {
  readonly host?: string | undefined;
  /** 0 (the default here) takes any free port. */
  readonly port?: number | undefined;
  readonly seed?: number | undefined;
  readonly machines?: number | undefined;
  readonly timeScale?: number | undefined;
  readonly rateScale?: number | undefined;
  readonly profile?: ProfileName | undefined;
  /** How much offers come, go and change price, 1 as in a calm market; left out: as the profile has it. */
  readonly restlessness?: number | undefined;
  readonly backend?: 'fake' | 'process' | Backend | undefined;
  readonly key?: string | undefined;
  readonly stateFile?: string | undefined;
  readonly logFile?: string | undefined;
  readonly chargesLagSeconds?: number | undefined;
  /** How long the serverless engine bears with its workers. */
  readonly patience?: Partial<Patience> | undefined;
  /** In force from the start. */
  readonly faults?: readonly FaultScript[] | undefined;
};

export type Simulator = AsyncDisposable & {
  readonly url: string;
  /** The main account's key. */
  readonly key: string;
  readonly seed: number;
  /** The provider's books: every contract ever. */
  contracts(): ContractRecord[];
  /** What the serverless engine knows: endpoints, workers with their last reports, requests under way. */
  serverless(): ServerlessRecords;
  requests(after?: number): readonly RequestEntry[];
  addFault(...scripts: readonly FaultScript[]): void;
  clearFaults(): void;
  addTrigger(trigger: Trigger): void;
  setRates(scale: number): void;
  /** Sets the spendable credit of an account (the main one's without a key). */
  setCredit(usd: number, key?: string): void;
  /** A key of the main account that may do what `permissions` grant; `{}` grants everything. */
  makeKey(permissions: object): string;
  /** Forgets everything and opens the same seed's market anew. */
  reset(): Promise<void>;
  /** Saves, ends all serving, closes the server. */
  close(): Promise<void>;
};

/** Starts a market in this process. Several may run side by side. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const settings = await settingsFrom(options);
  const restored = options.stateFile === undefined ? undefined : loadState(options.stateFile);
  let file: StateFile | null = null;
  const changed = () => file?.saveSoon();
  const stage: Stage = {
    world: new World(settings, changed, restored),
    baseUrl: '',
    reset: async () => {
      const { mainKey } = stage.world.accounts;
      await stage.world.close();
      stage.world = new World(settings, changed, undefined, mainKey);
      await stage.world.open(stage.baseUrl);
      changed();
    },
  };
  if (options.stateFile !== undefined) file = new StateFile(options.stateFile, () => stage.world.state());
  const server = makeServer(stage);
  server.listen({ host: settings.host, port: options.port ?? 0 });
  try {
    await once(server, 'listening');
    stage.baseUrl = urlOf(server, settings.host);
    await stage.world.open(stage.baseUrl);
  } catch (error) {
    await stage.world.close();
    throw error;
  }
  changed();

  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= closeAll();
    return closing;
  };
  const closeAll = async () => {
    file?.save();
    file = null;
    server.close();
    server.closeAllConnections();
    await stage.world.close();
  };
  return {
    url: stage.baseUrl,
    key: stage.world.accounts.mainKey,
    seed: settings.seed,
    contracts: () => contractRecords(stage.world),
    serverless: () => serverlessRecords(stage.world),
    requests: (after = 0) => stage.world.requests.after(after),
    addFault: (...scripts) => stage.world.faults.add(scripts),
    clearFaults: () => stage.world.faults.clear(),
    addTrigger: (trigger) => stage.world.triggers.add(trigger),
    setRates: (scale) => {
      stage.world.rates.scale = scale;
    },
    setCredit: (usd, key) => stage.world.setCredit(usd, key),
    makeKey: (permissions) => stage.world.makeKey(permissions).secret,
    reset: () => stage.reset(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function urlOf(server: Server, listensOn: string): string {
  const { port } = server.address() as AddressInfo;
  const host = publicAddress(listensOn);
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function settingsFrom(options: SimulatorOptions): Promise<WorldSettings> {
  return {
    host: options.host ?? '127.0.0.1',
    seed: options.seed ?? 1,
    machines: options.machines ?? 300,
    timeScale: options.timeScale ?? 60,
    rateScale: options.rateScale ?? 1,
    profile: options.profile ?? 'calm',
    restlessness: options.restlessness,
    backend: await findBackend(options.backend ?? 'fake'),
    key: options.key,
    logFile: options.logFile,
    chargesLagSeconds: options.chargesLagSeconds ?? 5,
    faults: options.faults ?? [],
    patience: options.patience,
  };
}

/** Loaded only when wanted: a test that brings its own needs neither. */
async function findBackend(backend: 'fake' | 'process' | Backend): Promise<Backend> {
  if (backend === 'fake') return (await import('./serving/fake-backend.ts')).createFakeBackend();
  if (backend === 'process') return (await import('./serving/process-backend.ts')).createProcessBackend();
  return backend;
}
