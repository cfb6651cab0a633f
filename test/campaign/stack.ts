import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { openInstallation } from '../../src/installation.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { startNativeTemporal } from '../production/native-temporal.ts';
import { AdminApi } from './admin-api.ts';
import { Market } from './market.ts';
import { type CampaignOptions, type ProfileName, ROOT } from './options.ts';
import { SESSION_BUDGET_USD, USUAL_BUDGET_USD } from './plan.ts';
import { type Outage, Program } from './programs.ts';
import { startDevelopmentTemporal, type TemporalOfStack, type TemporalProgram } from './temporal.ts';

/** Every wait of the product in its real order, only shorter where a setting names it. */
export const SETTINGS = {
  LEASH_RATE_SCALE: '0',
  LEASH_LOG_LEVEL: 'info',
  // Longer than the client waits for a create (30 s) and than the market's list lags (20 s).
  LEASH_SETTLE_SECONDS: '35',
  LEASH_DRAIN_SECONDS: '1',
  LEASH_METER_SECONDS: '4',
  // Room for a DELETE whose worker was killed: its time-out is 30 s, and the next may be killed too.
  LEASH_TEARDOWN_MARGIN_SECONDS: '90',
  LEASH_SLICE_MINUTES: '1',
  LEASH_LAUNCH_MINUTES: '4',
  LEASH_MAX_ATTEMPTS: '6',
  LEASH_REAP_INTERVAL_MINUTES: '0.5',
  LEASH_AUDIT_INTERVAL_MINUTES: '1',
  LEASH_BILLING_TAIL_SECONDS: '3',
  VASTAI_MAX_STARTUP_TIME_MINUTES: '5',
  VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '4',
  VASTAI_SEARCH_TIMEOUT_SECONDS: '15',
  VASTAI_MAX_SEARCH_RETRIES: '2',
  VASTAI_BUDGET_PERIOD: 'none',
  VASTAI_SESSION_BUDGET_LIMIT: String(SESSION_BUDGET_USD),
  LEASH_MODEL: 'Qwen/Qwen2.5-1.5B-Instruct',
} as const satisfies Readonly<Record<string, string>>;

const TIME_SCALE = 300;
export const MARKET_KEY = 'campaign-market-key-6f1c0b27';
export const HF_MARKER = 'hf_campaignmarker4d2a91c7e3';
export const ADMIN_MARKER = 'campaign-admin-token-93ab51f0';
export const LOGIN_MARKER = 'campaign-registry-password-7e20';

/** One installation of real processes: its own Temporal, market, worker and HTTP server. */
export class Stack {
  readonly seed: number;
  readonly profile: ProfileName;
  readonly home: string;
  readonly owner: string;
  readonly secret: string;
  readonly market: Market;
  /** Each a process; one on a development server, two on what a deployment runs. */
  readonly workers: readonly Program[];
  readonly server: Program;
  /** Where its HTTP server listens. */
  readonly url: string;
  readonly api: AdminApi;
  readonly client: Client;
  /** The total limit as each worker start set it. */
  readonly limits: { atMs: number; usd: number }[] = [];
  readonly #simulator: Program;
  readonly #closeClient: () => Promise<void>;
  readonly #outages: Outage[] = [];
  readonly #temporal: TemporalOfStack;
  #spentUsd = 0;

  private constructor(made: Made) {
    this.seed = made.seed;
    this.profile = made.profile;
    this.home = made.home;
    this.owner = made.owner;
    this.secret = readFileSync(join(made.home, 'secret'), 'utf8').trim();
    this.market = made.market;
    this.client = made.client;
    this.#closeClient = made.closeClient;
    this.#simulator = made.simulator;
    this.#temporal = made.temporal;
    const { product, port, market, temporal, home, together } = made;
    // As in docker-compose.yml: a home each, and what makes them one installation given to both.
    const homeOf = (what: 'worker' | 'server') =>
      made.workers === 1
        ? { LEASH_HOME: home }
        : {
            LEASH_HOME: join(home, what),
            LEASH_OWNER: this.owner,
            LEASH_SECRET_FILE: join(home, 'secret'),
            LEASH_CA_DIR: join(home, 'authority'),
          };
    const environment = {
      ...SETTINGS,
      LEASH_PORT: String(port),
      VASTAI_API_URL: market.url,
      VASTAI_API_KEY: MARKET_KEY,
      HF_TOKEN: HF_MARKER,
      ADMIN_TOKEN: ADMIN_MARKER,
      LEASH_IMAGE_LOGIN: `-u campaign -p ${LOGIN_MARKER} registry.example`,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      ...(temporal.databaseUrl === null ? {} : { LEASH_DATABASE_URL: temporal.databaseUrl }),
    };
    const free = together * USUAL_BUDGET_USD * 0.9 + SESSION_BUDGET_USD;
    this.workers = Array.from(
      { length: made.workers },
      (_, index) =>
        new Program({
          what: 'worker',
          script: join(product, 'src/worker.ts'),
          cwd: product,
          environment: () => {
            // The limit grows with what was spent: money must be short all along, and not run out.
            const wanted = Math.round((this.#spentUsd + free) * 100) / 100;
            const usd = Math.max(this.limits.at(-1)?.usd ?? 0, wanted);
            this.limits.push({ atMs: Date.now(), usd });
            return { ...environment, ...homeOf('worker'), VASTAI_BUDGET_LIMIT: String(usd) };
          },
          saysItWorks: /worker is running/,
          logFile: join(home, index === 0 ? 'worker.log' : `worker-${index + 1}.log`),
        }),
    );
    this.server = new Program({
      what: 'server',
      script: join(product, 'src/server.ts'),
      cwd: product,
      environment: () => ({
        ...environment,
        ...homeOf('server'),
        VASTAI_BUDGET_LIMIT: String(this.limits.at(-1)?.usd ?? free),
      }),
      saysItWorks: /listening[^\n]*/,
      logFile: join(home, 'server.log'),
    });
    this.url = `http://127.0.0.1:${port}`;
    this.api = new AdminApi(this.url, ADMIN_MARKER);
  }

  static async raise(
    options: Pick<CampaignOptions, 'product' | 'together' | 'backend' | 'temporal'>,
    run: Run,
    given: TemporalOfStack | null = null,
  ): Promise<Stack> {
    const { home, seed, profile } = run;
    // A volume in docker-compose.yml: it is there before anything starts.
    mkdirSync(join(home, 'authority'), { recursive: true });
    const simulator = simulatorOf(options.backend, run);
    const [line] = await simulator.start();
    const { url } = JSON.parse(line ?? '{}') as { url: string };
    const market = new Market(url, MARKET_KEY);
    const { owner } = openInstallation({ home, adminToken: ADMIN_MARKER });
    const isNative = options.temporal === 'postgres';
    const start = isNative ? startNativeTemporal : startDevelopmentTemporal;
    const temporal = given ?? (await start(home));
    const { client, close } = await connectClient(temporal);
    const stack = new Stack({
      seed,
      profile,
      home,
      owner,
      simulator,
      market,
      temporal,
      client,
      closeClient: close,
      port: await freePort(),
      product: options.product,
      together: options.together,
      workers: isNative ? 2 : 1,
    });
    for (const worker of stack.workers) await worker.start();
    await stack.server.start();
    return stack;
  }

  noteSpent(usd: number): void {
    this.#spentUsd = Math.max(this.#spentUsd, usd);
  }

  get outages(): Outage[] {
    return [...this.#outages, ...[...this.workers, this.server].flatMap(({ outages }) => outages)];
  }

  /** The one that is killed where one is meant. */
  get worker(): Program {
    const [first] = this.workers;
    if (first === undefined) throw new Error('This stack has no worker.');
    return first;
  }

  /** Files of what its processes say, under its home. */
  get logFiles(): string[] {
    const workers = this.workers.map((_, index) => (index === 0 ? 'worker.log' : `worker-${index + 1}.log`));
    return [...workers, 'server.log', 'simulator.log', ...this.#temporal.logFiles];
  }

  /** SIGKILL, and started again on the same data. Without its database Temporal does nothing. */
  async killTemporal(what: TemporalProgram): Promise<void> {
    const fromMs = Date.now();
    await this.#temporal.kill(what);
    this.#outages.push({ what: 'temporal', fromMs, toMs: Date.now() });
  }

  async close(): Promise<void> {
    await Promise.all([...this.workers, this.server].map((program) => program.close()));
    await this.#closeClient().catch(() => undefined);
    await this.#temporal.stop();
    await this.#simulator.close();
  }
}

export type Run = { readonly home: string; readonly seed: number; readonly profile: ProfileName };

type Made = Run & {
  readonly owner: string;
  readonly simulator: Program;
  readonly market: Market;
  readonly temporal: TemporalOfStack;
  readonly client: Client;
  readonly closeClient: () => Promise<void>;
  readonly port: number;
  readonly product: string;
  readonly together: number;
  readonly workers: number;
};

/** Of this checkout, whatever product is tried, and whatever the environment says of markets. */
function simulatorOf(backend: string, { home, seed, profile }: Run): Program {
  const flags = {
    port: 0,
    seed,
    machines: 500,
    'time-scale': TIME_SCALE,
    'rate-scale': 0,
    profile,
    backend,
    key: MARKET_KEY,
    'charges-lag': 2,
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

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port.');
  return address.port;
}
