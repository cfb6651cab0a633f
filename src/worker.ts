import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import {
  type NativeConnection,
  Worker,
  type WorkerInterceptors,
  type WorkerOptions,
} from '@temporalio/worker';
import type { Logger } from 'pino';
import { AccessTokens } from './access-tokens.ts';
import { recallSpending } from './activities/audit.ts';
import type { Deps } from './activities/deps.ts';
import { DestroyBoard } from './activities/destroy-board.ts';
import { createActivities } from './activities/index.ts';
import { InstanceBoard } from './activities/instance-board.ts';
import { LedgerCaller } from './activities/ledger-caller.ts';
import { observeWorker, type WorkerMetrics } from './activities/observing.ts';
import { OfferBoard } from './activities/offer-board.ts';
import { PastBooks } from './activities/past-books.ts';
import { SampleLog } from './activities/sample-log.ts';
import { openArchive } from './archive/archive.ts';
import { openAuthority } from './certificates.ts';
import { type Config, ConfigError, namespaceOf, parseConfig } from './config.ts';
import { targetsOf } from './domain/notification.ts';
import { type Installation, openConfigured } from './installation.ts';
import { type Binding, checkBinding, openLedger } from './ledger-opening.ts';
import { makeLogger } from './logging.ts';
import { ensureSchedules } from './schedules.ts';
import { buildIdOfSources, workflowBundle } from './temporal/bundle.ts';
import { connectClient, connectWorker, withDeadline } from './temporal/connection.ts';
import { dataConverterOf } from './temporal/data-converter.ts';
import { ensureNamespace } from './temporal/namespace.ts';
import { PayloadKeys } from './temporal/payload-keys.ts';
import { installRuntime, sdkMetrics } from './temporal/runtime.ts';
import { type DeploymentVersion, makeFirstCurrent, versionedBy } from './temporal/versioning.ts';
import { openTracing, type Tracing, type WorkerTracing } from './tracing/tracing.ts';
import { type CallFacts, createVastClient, MarketError, type VastClient } from './vast/client.ts';
import { refuseBroadKey } from './vast-key.ts';
import { serveWorkerProbes } from './worker-probes.ts';
import { TASK_QUEUES } from './workflows/ids.ts';

export type RunningWorker = {
  /** Lets short calls finish, then ends; what watches is taken up by another worker. */
  stop(): Promise<void>;
  /** Rejects when the worker ends without `stop`. */
  readonly failed: Promise<never>;
  readonly metrics: Pick<WorkerMetrics, 'contentType' | 'text'>;
};

export type WorkerDeps = {
  readonly config: Config;
  readonly installation: Installation;
  readonly address?: string;
  readonly namespace?: string;
  readonly logger: Logger;
  /** A worker alone in its process tells of that process too. */
  readonly isAlone?: boolean;
  readonly tracing?: Tracing | null;
};

/**
 * Seconds between two calls of a kind, by the market's documents; what Temporal dispatches by, across all workers.
 * One call destroys up to 64 instances, so that many DELETEs are let through in its three seconds.
 */
const SECONDS_BETWEEN = { create: 4.5, destroy: 3 / 64, show: 2 } as const;

/**
 * Runs the Temporal workers of one process: sessions, supervision, and a queue for each call that is paced.
 *
 * Before anything runs, the installation is compared with the ledger's memo: a process that belongs to another
 * market, account or Temporal would take everything it does not know for an orphan.
 */
export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { config, installation, logger } = deps;
  await installRuntime(logger);
  const payloadKeys = new PayloadKeys(config.LEASH_PAYLOAD_KEYS_FILE, logger);
  const authority = await openAuthority({
    home: installation.home,
    caDir: config.LEASH_CA_DIR,
    issues: true,
  });
  const metrics = observeWorker(logger, { processHome: deps.isAlone === true ? installation.home : null });
  // Whatever stops it, a start that fails or an order: workers that went on polling would take tasks and fail them.
  await using closing = new AsyncDisposableStack();
  const vast = connectMarket(config, (facts) => {
    metrics.noteMarketCall(facts);
    deps.tracing?.noteMarketCall(facts);
  });
  closing.defer(() => vast.close());
  const archive = openArchive({
    owner: installation.owner,
    home: installation.home,
    databaseUrl: config.LEASH_DATABASE_URL,
  });
  closing.defer(() => archive.close());
  const samples = new SampleLog(archive, logger);
  closing.defer(() => samples.stop());
  const { client, connection, close } = await connectClient({
    ...deps,
    interceptors: deps.tracing?.ofClient,
    payloadKeys,
  });
  closing.defer(close);
  const native = await connectWorker(deps);
  closing.defer(() => native.close());
  await ensureNamespace(connection, client.options.namespace);
  const binding = await readBinding(vast, config, installation);
  await checkBinding(client, installation, binding);
  await refuseBroadKey(vast, { isAllowed: config.LEASH_ALLOW_BROAD_KEY, logger });
  const open = {
    temporal: client,
    vast,
    archive,
    installation,
    binding,
    settings: {
      limitUsd: config.VASTAI_BUDGET_LIMIT,
      period: config.VASTAI_BUDGET_PERIOD,
      notify: targetsOf(config),
    },
  };
  const ledger = new LedgerCaller({
    temporal: client,
    owner: installation.owner,
    reopen: () => openLedger(open),
  });
  const stopPulse = new AbortController();
  closing.defer(() => stopPulse.abort());
  const past = new PastBooks();
  const activityDeps: Deps = {
    vast,
    marketUrl: config.VASTAI_API_URL,
    instances: new InstanceBoard(vast),
    destroys: new DestroyBoard(vast),
    offers: new OfferBoard(vast),
    ledger,
    past,
    temporal: client,
    archive,
    samples,
    installation,
    authority,
    secrets: { hfToken: config.HF_TOKEN, imageLogin: config.LEASH_IMAGE_LOGIN },
    notifications: {
      webhookUrl: config.LEASH_WEBHOOK_URL,
      webhookSecret: config.LEASH_WEBHOOK_SECRET,
      slackUrl: config.LEASH_SLACK_WEBHOOK_URL,
    },
    scoreWeights: config.LEASH_SCORE_WEIGHTS,
    temporalHeardAtMs: takePulse(client, stopPulse.signal),
    noteLook: (result) => metrics.noteLook(result),
  };
  const activities = createActivities(activityDeps);
  const version = await versionOf(config);
  const workers = await createWorkers({
    config,
    version,
    native: native.connection,
    namespace: client.options.namespace,
    activities,
    metrics,
    payloadKeys,
    tracing: deps.tracing?.ofWorker ?? null,
  });
  const runs = workers.map((worker) => worker.run());
  closing.defer(async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(runs);
  });
  const failed = Promise.race(runs).then(() => new Promise<never>(() => undefined));
  failed.catch(() => undefined);
  if (version !== null) {
    const current = await makeFirstCurrent(connection, client.options.namespace, version);
    logger.info({ ...version, current }, 'a version of its deployment');
  }
  await Promise.race([openLedger(open), failed]);
  const stopRecall = new AbortController();
  closing.defer(() => stopRecall.abort());
  const tailMs = config.LEASH_BILLING_TAIL_SECONDS * 1_000;
  void recallPast(activityDeps, { past, tailMs, logger, stop: stopRecall.signal });
  await ensureSchedules(client, config, installation);
  logger.info({ owner: installation.owner, namespace: client.options.namespace }, 'worker is running');
  const running = closing.move();
  return {
    failed,
    metrics: {
      contentType: metrics.contentType,
      text: async () => (await Promise.all([metrics.text(), sdkMetrics()])).join('\n'),
    },
    stop: () => running.disposeAsync(),
  };
}

type Made = {
  config: Config;
  version: DeploymentVersion | null;
  native: NativeConnection;
  namespace: string;
  activities: object;
  metrics: WorkerMetrics;
  payloadKeys: PayloadKeys;
  tracing: WorkerTracing | null;
};

/** Null where workers have no versions. */
async function versionOf({ LEASH_DEPLOYMENT, LEASH_BUILD_ID }: Config): Promise<DeploymentVersion | null> {
  if (LEASH_DEPLOYMENT === undefined) return null;
  return { deployment: LEASH_DEPLOYMENT, buildId: LEASH_BUILD_ID ?? (await buildIdOfSources()) };
}

/** Teardown must never wait behind a thousand watchers, nor a create behind a destroy: each has its own queue. */
async function createWorkers({
  config,
  version,
  native,
  namespace,
  activities,
  ...seen
}: Made): Promise<Worker[]> {
  const identity = `leash@${hostname()}#${process.pid}`;
  const interceptors: WorkerInterceptors = {
    activity: [...(seen.tracing === null ? [] : [seen.tracing.activity]), seen.metrics.interceptors],
  };
  const dataConverter = dataConverterOf(seen.payloadKeys);
  const shared = {
    connection: native,
    namespace,
    dataConverter,
    activities,
    identity,
    interceptors,
    shutdownForceTime: '20 seconds',
    // Searches and creates beat so that a dead worker's are noticed: a throttled beat would be noticed late.
    maxHeartbeatThrottleInterval: '5 seconds',
  } as const;
  const perSecond = (seconds: number): Partial<WorkerOptions> =>
    config.LEASH_RATE_SCALE === 0
      ? {}
      : { maxTaskQueueActivitiesPerSecond: 1 / (seconds * config.LEASH_RATE_SCALE) };
  return Promise.all([
    Worker.create({
      ...shared,
      taskQueue: TASK_QUEUES.sessions,
      // The other queues have no versions: their rates are of all workers together, and an activity is whole.
      ...versionedBy(version),
      workflowBundle: await workflowBundle({
        interceptorModules: seen.tracing?.workflowModules ?? [],
        failureConverterPath: dataConverter.failureConverterPath,
      }),
      sinks: seen.tracing?.sinks ?? {},
      maxCachedWorkflows: 1_200,
      maxConcurrentWorkflowTaskExecutions: 20,
      maxConcurrentActivityTaskExecutions: 50,
      workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 2, maximum: 5 },
      stickyQueueScheduleToStartTimeout: '5 seconds',
      shutdownGraceTime: '10 seconds',
    }),
    Worker.create({
      ...shared,
      taskQueue: TASK_QUEUES.supervise,
      maxConcurrentActivityTaskExecutions: 1_200,
      maxHeartbeatThrottleInterval: '15 seconds',
      // They own nothing: another worker takes them up from their last heartbeat.
      shutdownGraceTime: '1 second',
    }),
    Worker.create({
      ...shared,
      taskQueue: TASK_QUEUES.create,
      shutdownGraceTime: '10 seconds',
      ...perSecond(SECONDS_BETWEEN.create),
    }),
    Worker.create({
      ...shared,
      taskQueue: TASK_QUEUES.destroy,
      shutdownGraceTime: '10 seconds',
      ...perSecond(SECONDS_BETWEEN.destroy),
    }),
    Worker.create({
      ...shared,
      taskQueue: TASK_QUEUES.show,
      shutdownGraceTime: '10 seconds',
      ...perSecond(SECONDS_BETWEEN.show),
    }),
    ...(targetsOf(config).length === 0
      ? []
      : [
          Worker.create({
            ...shared,
            taskQueue: TASK_QUEUES.notify,
            maxConcurrentActivityTaskExecutions: 20,
            shutdownGraceTime: '10 seconds',
          }),
        ]),
  ]);
}

function connectMarket(config: Config, onCall: (facts: CallFacts) => void): VastClient {
  if (config.VASTAI_API_KEY === undefined) {
    throw new ConfigError([
      'VASTAI_API_KEY: a worker needs the key of the market; `npm start` without one brings a simulated market',
    ]);
  }
  return createVastClient({
    apiUrl: config.VASTAI_API_URL,
    apiKey: config.VASTAI_API_KEY,
    rateScale: config.LEASH_RATE_SCALE,
    onCall,
  });
}

const ACCOUNT_PATIENCE_MS = 60_000;

/** The account behind the key; a market that cannot be reached for a minute stops the start, with its reason. */
async function readBinding(vast: VastClient, config: Config, installation: Installation): Promise<Binding> {
  const untilMs = Date.now() + ACCOUNT_PATIENCE_MS;
  for (;;) {
    try {
      const { accountId } = await vast.currentUser({ deadlineMs: Date.now() + 15_000 });
      return { owner: installation.owner, apiUrl: config.VASTAI_API_URL, accountId };
    } catch (error) {
      if (!(error instanceof MarketError)) throw error;
      if (error.kind === 'auth') throw new Error(`Cannot start: ${error.message} Check VASTAI_API_KEY.`);
      if (Date.now() >= untilMs)
        throw new Error(
          `Cannot start: the market at ${config.VASTAI_API_URL} does not answer. ${error.message}`,
        );
      await pause(1_000);
    }
  }
}

const RECALL_AGAIN_MS = 2_000;

/** Until the charges can be read: sessions that run go on meanwhile, and new money is not promised. */
async function recallPast(
  deps: Deps,
  { past, tailMs, logger, stop }: { past: PastBooks; tailMs: number; logger: Logger; stop: AbortSignal },
): Promise<void> {
  while (!stop.aborted) {
    try {
      past.noteRead(await recallSpending(deps, { nowMs: Date.now(), tailMs }));
      return;
    } catch (error) {
      if (stop.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      logger.warn({ why }, 'the charges before this start could not be read; new money waits for them');
      await pause(RECALL_AGAIN_MS, undefined, { signal: stop, ref: false }).catch(() => undefined);
    }
  }
}

const PULSE_MS = 5_000;

/** When Temporal last answered this process: supervision renews no lease without it. */
function takePulse(client: Client, stop: AbortSignal): () => number {
  let heardAtMs = Date.now();
  const beat = async (): Promise<void> => {
    while (!stop.aborted) {
      await withDeadline(client, 10_000, () =>
        client.connection.ensureConnected().then(() => client.workflowService.getSystemInfo({})),
      ).then(
        () => {
          heardAtMs = Date.now();
        },
        () => undefined,
      );
      await pause(PULSE_MS, undefined, { signal: stop, ref: false }).catch(() => undefined);
    }
  };
  void beat();
  return () => heardAtMs;
}

/** A worker alone, from the environment: `node src/worker.ts`. */
async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const logger = makeLogger(config.LEASH_LOG_LEVEL);
  const installation = openConfigured(config);
  const tracing = await openTracing(config, logger);
  const worker = await startWorker({
    config,
    installation,
    namespace: namespaceOf(config),
    logger,
    tracing,
    isAlone: true,
  });
  const probes = await openProbes(worker, config, installation, logger);
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  try {
    await Promise.race([stopped, worker.failed]);
  } finally {
    await worker.stop();
    await probes?.close();
    await tracing?.close();
  }
}

/** Null where no port was asked for. */
function openProbes(worker: RunningWorker, config: Config, { adminToken }: Installation, logger: Logger) {
  const { LEASH_HOST: host, LEASH_WORKER_PORT: port, ADMIN_TOKEN_FILE: adminFile } = config;
  if (port === undefined) return null;
  return serveWorkerProbes(worker.metrics, new AccessTokens({ adminToken, adminFile }, logger), {
    host,
    port,
  });
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    // At once: a call to Temporal that is between two tries would find its connection closed, and throw from nowhere.
    process.exit(1);
  }
}
