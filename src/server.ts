import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import { AccessTokens } from './access-tokens.ts';
import { adminApp } from './admin/app.ts';
import { type JudgeToken, makeAdmit, makeTokenJudge, WRONG_TOKENS_PER_MINUTE } from './admin/auth.ts';
import { serveDashboard } from './admin/dashboard-files.ts';
import { makeMetrics } from './admin/metrics.ts';
import { toSessionRequest } from './admin/present.ts';
import { answerError } from './admin/problems.ts';
import { launchBody } from './admin/schema.ts';
import { SECURITY_HEADERS } from './admin/security-headers.ts';
import { SignIns } from './admin/sign-in-cookie.ts';
import { readTiers } from './admin/tiers-file.ts';
import { openAccessLog } from './archive/access-log.ts';
import { openArchive } from './archive/archive.ts';
import { openAuthority } from './certificates.ts';
import { connectSessions, type Sessions } from './client.ts';
import { codecApp } from './codec-server/app.ts';
import { type Config, codecOriginOf, namespaceOf, parseConfig } from './config.ts';
import type { Tier } from './domain/tier.ts';
import { gatewayApp } from './gateway/app.ts';
import type { Answered } from './gateway/front.ts';
import { type GatewayDeps, openGateway } from './gateway/gateway.ts';
import { makeGpuPrices } from './gateway/gpu-prices.ts';
import { openGatewayKeys } from './gateway/keys/keys.ts';
import { openMetering } from './gateway/metering.ts';
import { ANTHROPIC } from './gateway/providers/anthropic.ts';
import { openSwitchFile } from './gateway/switch-file.ts';
import type { Deadlines } from './gateway/target.ts';
import type { Waker } from './gateway/waiting-room.ts';
import { makeWaker } from './gateway/waking.ts';
import { type Installation, openConfigured } from './installation.ts';
import { makeLogger } from './logging.ts';
import { endStalledReaders, type StallLimits } from './stalled-readers.ts';
import { EncryptionCodec } from './temporal/payload-codec.ts';
import { PayloadKeys } from './temporal/payload-keys.ts';
import { openTracing, type Tracing } from './tracing/tracing.ts';

export type HttpServer = {
  /** Base URL, without a slash at its end. */
  readonly url: string;
  /** Takes no more requests, lets those under way finish for a while, then closes their connections. */
  close(): Promise<void>;
};

export type HttpServerDeps = {
  readonly config: Config;
  readonly installation: Installation;
  readonly sessions: Sessions;
  readonly logger: Logger;
  /** Left out: those of LEASH_TIERS, or the default ones. */
  readonly tiers?: readonly Tier[];
  /** Metrics of a worker in the same process, for one scrape of both. */
  readonly workerMetrics?: () => Promise<string>;
  /** How long `close` waits for requests under way. */
  readonly drainMs?: number;
  readonly deadlines?: Partial<Deadlines>;
  /** When a connection counts as one that nobody reads. */
  readonly stalls?: StallLimits;
  readonly tracing?: Tracing | null;
  /** Where keys lie that settings name; left out: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where the built dashboard lies; left out: where `npm run build:dashboard` puts it. */
  readonly dashboardDir?: string;
} & Pick<GatewayDeps, 'keys' | 'metering' | 'priceOf' | 'anthropic'>;

const DASHBOARD_DIR = fileURLToPath(new URL('../dist/dashboard', import.meta.url));
const DRAIN_MS = 10_000;
/** For the head of a request, from the connection's begin: nobody types one. */
const HEADERS_TIMEOUT_MS = 20_000;
/** For a whole request to arrive: 32 MiB on a slow line, but not for ever. */
const REQUEST_TIMEOUT_MS = 120_000;
/** One more is closed as it comes: each costs memory before it has said who it is. */
const CONNECTIONS_MAX = 10_000;
/** Between two requests of a connection; longer than proxies in front of us wait, so that they let go first. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;

/** Admin API, gateway and probes in one server. Rejects with a sentence when it cannot listen. */
export async function startHttpServer(deps: HttpServerDeps): Promise<HttpServer> {
  const app = await composeApp(deps);
  const opened = openedOf(app);
  endStalledReaders(app.server, deps.stalls);
  const { LEASH_HOST: host, LEASH_PORT: port } = deps.config;
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw explainListenError(error, { host, port });
  }
  return {
    url: urlOf(app.server.address() as AddressInfo),
    close: () => closeWithin(app, opened, deps.drainMs ?? DRAIN_MS),
  };
}

async function composeApp(deps: HttpServerDeps): Promise<FastifyInstance> {
  const { config, installation, sessions, logger } = deps;
  const { home } = installation;
  const authority = await openAuthority({ home, caDir: config.LEASH_CA_DIR, issues: false });
  const metrics = makeMetrics({ sessions, home, ofWorker: deps.workerMetrics });
  const noteAnswered = (seen: Answered) => {
    metrics.noteRequest(seen);
    logger.debug(seen, 'request answered');
  };
  const tiers = deps.tiers ?? readTiers(config.LEASH_TIERS);
  const { switched, save: saveSwitched } = openSwitchFile(home);
  const place = { owner: installation.owner, home, databaseUrl: config.LEASH_DATABASE_URL, logger };
  const keys = await openGatewayKeys(place);
  const usdPerHourOf = makeGpuPrices(sessions);
  const accessLog = openAccessLog(place);
  const metering = openMetering({ ...place, registry: metrics.registry, usdPerHourOf });
  const tokens = tokensOf(deps);
  const signIns = new SignIns(tokens, installation);
  const gateway = openGateway({
    isAdminToken: (given) => tokens.roleOf(given) === 'admin',
    isSignedIn: (request) => signIns.admissionOf(request)?.kind === 'admitted',
    anthropic: ANTHROPIC,
    keys,
    metering,
    ...deps,
    environment: deps.environment ?? process.env,
    authority,
    noteAnswered,
    switched,
    saveSwitched,
    ...(deps.tracing && { tracer: deps.tracing.ofGateway }),
    ...(config.GATEWAY_AUTO_LAUNCH && { waker: wakerOf(deps, tiers) }),
  });
  metrics.watch(gateway);
  const app = fastify({
    loggerInstance: logger as FastifyBaseLogger,
    // A status asked for each second is not news; see `observe`.
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    frameworkErrors: answerError,
    serverFactory: (handler) =>
      gateway.front.serve(handler, {
        headersTimeoutMs: HEADERS_TIMEOUT_MS,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        keepAliveTimeoutMs: KEEP_ALIVE_TIMEOUT_MS,
        connectionsMax: CONNECTIONS_MAX,
      }),
  });
  // Hooks of the end run last first: what the last requests came to is written when the gateway has ended.
  app.addHook('onClose', async () => {
    await keys.close();
    await metering.close();
    await accessLog.close();
  });
  app.addHook('preClose', async () => gateway.stop());
  app.addHook('onClose', () => gateway.close());
  observe(app, noteAnswered);
  deps.tracing?.traceAdmin(app);
  app.setErrorHandler(answerError);
  await app.register(helmet, SECURITY_HEADERS);
  // What reads and writes cookies is loaded by it; sign-ins need no more of it.
  await app.register(cookie, { hook: false });
  const judgeToken = await countingJudge(app, tokens);
  const admit = makeAdmit(judgeToken, signIns);
  const shared = { sessions, config, tiers, metrics, gateway, metering, keys: keys.book, accessLog };
  await app.register(
    adminApp({ ...shared, admit, judgeToken, signIns, secrets: [...tokens.admin, ...tokens.viewer] }),
  );
  await app.register(gatewayApp({ gateway, admit }), { prefix: '/v1' });
  const payloadKeys = new PayloadKeys(config.LEASH_PAYLOAD_KEYS_FILE);
  if (payloadKeys.isOn) {
    const codec = new EncryptionCodec(payloadKeys);
    await app.register(codecApp({ codec, admit, signIns, origin: codecOriginOf(config) }), {
      prefix: '/codec',
    });
  }
  await serveDashboard(app, deps.dashboardDir ?? DASHBOARD_DIR);
  return app;
}

function tokensOf({ config, installation, logger }: HttpServerDeps): AccessTokens {
  return new AccessTokens(
    {
      adminToken: installation.adminToken,
      adminFile: config.ADMIN_TOKEN_FILE,
      viewerToken: config.VIEWER_TOKEN,
      viewerFile: config.VIEWER_TOKEN_FILE,
    },
    logger,
  );
}

/** What traffic launches when it finds no GPU: what a launch without any parameter would. */
function wakerOf({ sessions, config, logger }: HttpServerDeps, tiers: readonly Tier[]): Waker {
  const body = launchBody.parse({});
  return makeWaker({
    sessions,
    session: body.session,
    request: toSessionRequest(body, config, tiers),
    logger,
  });
}

/** One count of wrong tokens for all surfaces: they are the same tokens. */
async function countingJudge(app: FastifyInstance, tokens: AccessTokens): Promise<JudgeToken> {
  await app.register(rateLimit, { global: false });
  const countWrongToken = app.createRateLimit({ max: WRONG_TOKENS_PER_MINUTE, timeWindow: 60_000 });
  return makeTokenJudge({ roleOf: (given) => tokens.roleOf(given), countWrongToken });
}

function observe(app: FastifyInstance, noteAnswered: (seen: Answered) => void): void {
  app.addHook('onResponse', async (request, reply) => {
    noteAnswered({
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1_000,
    });
  });
}

async function closeWithin(app: FastifyInstance, opened: Opened, drainMs: number): Promise<void> {
  const overdue = setTimeout(() => app.server.closeAllConnections(), drainMs);
  // A connection whose last answer ends after the close has begun would be kept alive, and us with it.
  const sweep = setInterval(() => {
    app.server.closeIdleConnections();
    closeUnused(opened);
  }, 50);
  try {
    await app.close();
  } finally {
    clearTimeout(overdue);
    clearInterval(sweep);
  }
}

type Opened = ReadonlySet<Socket>;

/** The connections that are open, as they come and go. */
function openedOf(app: FastifyInstance): Opened {
  const opened = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    opened.add(socket);
    socket.on('close', () => opened.delete(socket));
  });
  return opened;
}

/** Clients open connections ahead of need, and Node does not count one as idle before its first request. */
function closeUnused(opened: Opened): void {
  for (const socket of opened) if (socket.bytesRead === 0) socket.destroy();
}

function explainListenError(error: unknown, { host, port }: { host: string; port: number }): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new Error(
        `Cannot listen on ${host}:${port}: the port is in use. Set LEASH_PORT to a free one, or stop what uses it.`,
        { cause: error },
      );
    case 'EACCES':
      return new Error(`Cannot listen on ${host}:${port}: not allowed. Set LEASH_PORT to 1024 or above.`, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`Cannot listen on ${host}:${port}: LEASH_HOST is no address of this machine.`, {
        cause: error,
      });
    default:
      return error;
  }
}

function urlOf({ address, family, port }: AddressInfo): string {
  const wildcards: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const host = wildcards[address] ?? (family === 'IPv6' ? `[${address}]` : address);
  return `http://${host}:${port}`;
}

/** The HTTP server as a process of its own, until it is told to stop. */
async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const logger = makeLogger(config.LEASH_LOG_LEVEL);
  const installation = openConfigured(config);
  const namespace = namespaceOf(config);
  const { owner, home } = installation;
  const archive = openArchive({ owner, home, databaseUrl: config.LEASH_DATABASE_URL });
  const tracing = await openTracing(config, logger);
  const interceptors = tracing?.ofClient;
  const sessions = await connectSessions({ config, installation, archive, namespace, logger, interceptors });
  try {
    const server = await startHttpServer({ config, installation, sessions, logger, tracing });
    const signal = await untilStopped();
    logger.info({ signal }, 'HTTP server stops');
    await server.close();
  } finally {
    await sessions.close();
    await archive.close();
    await tracing?.close();
  }
}

function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
