import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { openInstallation } from '../../src/installation.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';
import { TASK_QUEUES } from '../../src/workflows/ids.ts';
import { AdminApi } from '../campaign/admin-api.ts';
import { Market } from '../campaign/market.ts';
import { ROOT } from '../campaign/options.ts';
import { Program } from '../campaign/programs.ts';
import { freePort } from '../campaign/stack.ts';

const NAMESPACE = 'leash-scale';
const MARKET_KEY = 'scale-market-key-51c07d93';
const ADMIN_TOKEN = 'scale-admin-token-8e24aa61';
/** Machines boot and the market moves so much faster; what sessions wait for runs by the clock. */
const TIME_SCALE = 60;

/** Temporal's number for the queues of activities. */
const ACTIVITY_QUEUE = 2;
const UNLIMITED_PER_SECOND = 10_000;

/** A thousand GPUs for hours that pass sixty times as fast. */
const CREDIT_USD = 1_000_000;

/** The product's own settings, but for what keeps a thousand sessions open and the market's limits off. */
const SETTINGS = {
  // They say at this level that they work.
  LEASH_LOG_LEVEL: 'info',
  LEASH_MODEL: 'Qwen/Qwen2.5-1.5B-Instruct',
  VASTAI_BUDGET_LIMIT: '1000000',
  VASTAI_SESSION_BUDGET_LIMIT: '500',
} as const;

/** One installation of real processes at the market's limits or without them: Temporal, market, workers, server. */
export class ScaleStack {
  readonly home: string;
  readonly owner: string;
  readonly market: Market;
  readonly api: AdminApi;
  readonly client: Client;
  readonly worker: Program;
  readonly secondWorker: Program;
  readonly server: Program;
  readonly simulator: Program;
  readonly temporalPid: number;
  #closing = new AsyncDisposableStack();
  #rateScale = 0;

  private constructor(made: Made) {
    this.home = made.home;
    this.owner = made.owner;
    this.market = made.market;
    this.client = made.client;
    this.simulator = made.simulator;
    this.temporalPid = made.temporalPid;
    const environment = () => ({
      ...SETTINGS,
      LEASH_RATE_SCALE: String(this.#rateScale),
      LEASH_PORT: String(made.port),
      LEASH_HOME: made.home,
      VASTAI_API_URL: made.market.url,
      VASTAI_API_KEY: MARKET_KEY,
      ADMIN_TOKEN,
      TEMPORAL_ADDRESS: made.temporalAddress,
      TEMPORAL_NAMESPACE: NAMESPACE,
    });
    const program = (what: 'worker' | 'server', name: string, saysItWorks: RegExp) =>
      new Program({
        what,
        script: join(ROOT, `src/${what}.ts`),
        cwd: ROOT,
        environment,
        saysItWorks,
        logFile: join(made.home, `${name}.log`),
      });
    this.worker = program('worker', 'worker', /worker is running/);
    this.secondWorker = program('worker', 'second-worker', /worker is running/);
    this.server = program('server', 'server', /listening[^\n]*/);
    this.api = new AdminApi(`http://127.0.0.1:${made.port}`, ADMIN_TOKEN);
  }

  static async raise({ machines }: { readonly machines: number }): Promise<ScaleStack> {
    await using closing = new AsyncDisposableStack();
    const home = mkdtempSync(join(tmpdir(), 'leash-scale-'));
    closing.defer(() => rmSync(home, { recursive: true, force: true }));
    const simulator = simulatorOf(home, machines);
    closing.defer(() => simulator.close());
    const [line] = await simulator.start();
    const { url } = JSON.parse(line ?? '{}') as { url: string };
    const market = new Market(url, MARKET_KEY);
    await market.setCredit(CREDIT_USD);
    const { owner } = openInstallation({ home, adminToken: ADMIN_TOKEN });
    const temporal = await startEmbeddedTemporal({
      home: join(home, 'temporal'),
      port: 0,
      uiPort: null,
      namespace: NAMESPACE,
    });
    closing.defer(() => temporal.stop());
    const { client, close } = await connectClient({ address: temporal.address, namespace: NAMESPACE });
    closing.defer(close);
    const stack = new ScaleStack({
      home,
      owner,
      simulator,
      market,
      client,
      temporalPid: temporal.pid,
      temporalAddress: temporal.address,
      port: await freePort(),
    });
    closing.defer(() => stack.server.close());
    closing.defer(() => stack.worker.close());
    closing.defer(() => stack.secondWorker.close());
    await stack.worker.start();
    await stack.server.start();
    stack.#closing = closing.move();
    return stack;
  }

  /** Market and worker keep to the documented limits times `scale` from here on; 0: to none. */
  async setRates(scale: number): Promise<void> {
    this.#rateScale = scale;
    await this.#overrideQueues(scale === 0);
    if (scale === 0) await this.market.setRates(0);
    const pid = this.worker.pid;
    if (pid !== null) this.worker.kill(pid, 'SIGTERM');
    await this.worker.successorOf(pid, 60_000);
    if ((await this.worker.working(120_000)) === null) throw new Error('The worker did not start again.');
    if (scale !== 0) await this.market.setRates(scale);
  }

  /** Whichever worker is left is followed by one without limits. */
  async useUnlimited(): Promise<void> {
    this.#rateScale = 0;
    await this.#overrideQueues(true);
    await this.market.setRates(0);
    const pid = this.secondWorker.pid;
    if (pid === null) return;
    this.secondWorker.kill(pid, 'SIGTERM');
    await this.secondWorker.successorOf(pid, 60_000);
  }

  /** A queue goes on by a rate that a worker named long after that worker has gone; what is set here comes before it. */
  async #overrideQueues(isUnlimited: boolean): Promise<void> {
    for (const name of [TASK_QUEUES.create, TASK_QUEUES.destroy, TASK_QUEUES.show])
      await this.client.workflowService.updateTaskQueueConfig({
        namespace: NAMESPACE,
        identity: 'bench:sessions',
        taskQueue: name,
        taskQueueType: ACTIVITY_QUEUE,
        updateQueueRateLimit: {
          rateLimit: isUnlimited ? { requestsPerSecond: UNLIMITED_PER_SECOND } : null,
          reason: 'the ramp of a bench',
        },
      });
  }

  countReady(): Promise<number> {
    return this.#count("ExecutionStatus = 'Running' AND SessionState = 'READY'");
  }

  countOpen(): Promise<number> {
    return this.#count("ExecutionStatus = 'Running'");
  }

  async #count(which: string): Promise<number> {
    const { count } = await this.client.workflow.count(`WorkflowType = 'gpuSession' AND ${which}`);
    return count;
  }

  async close(): Promise<void> {
    await this.#closing.disposeAsync();
  }
}

type Made = {
  readonly home: string;
  readonly owner: string;
  readonly simulator: Program;
  readonly market: Market;
  readonly client: Client;
  readonly temporalPid: number;
  readonly temporalAddress: string;
  readonly port: number;
};

function simulatorOf(home: string, machines: number): Program {
  const flags = {
    port: 0,
    seed: 1,
    machines,
    'time-scale': TIME_SCALE,
    'rate-scale': 0,
    profile: 'calm',
    key: MARKET_KEY,
  };
  return new Program({
    what: 'simulator',
    script: join(ROOT, 'src/simulator/main.ts'),
    args: Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
    cwd: ROOT,
    environment: () => ({}),
    saysItWorks: /^\{.*\}$/m,
    logFile: join(home, 'simulator.log'),
  });
}
