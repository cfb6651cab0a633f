import type { Backend, Serving, ServingOrder } from '../backend.ts';
import { findServeCommand, type ServeCommand } from './command-line.ts';
import { type FakeGuard, type GuardCount, startFakeGuard } from './fake-guard.ts';
import { type FakeVllm, startFakeVllm } from './fake-vllm.ts';
import { startIdleContainer } from './idle-container.ts';
import type { TlsPems } from './listener.ts';
import { LogRing } from './log-ring.ts';

/**
 * Instances that serve from this process: no child, no disk, a few kilobytes each.
 *
 * It reads the start script instead of running it, so what a script does besides starting vLLM does not happen
 * here, but for the guard that its environment orders, which is played. The process backend runs the real one.
 */
export function createFakeBackend(options: { readonly tokenDelayMs?: number } = {}): Backend {
  const counts = new Map<number, GuardCount>();
  const countOf = (instanceId: number): GuardCount => {
    const count = counts.get(instanceId) ?? { lived: 0, silent: 0, renewals: 0 };
    counts.set(instanceId, count);
    return count;
  };
  return {
    name: 'fake',
    start: async (order) => startServing(order, countOf(order.instanceId), options.tokenDelayMs),
  };
}

const LOG_LINES_MAX = 400;

function startServing(order: ServingOrder, count: GuardCount, tokenDelayMs: number | undefined): Serving {
  const log = new LogRing(LOG_LINES_MAX);
  const reading = findServeCommand(order);
  if (reading === null) return startIdleContainer(order);
  if (reading.kind === 'refused') return failedContainer(log, { lines: reading.lines, code: 2 });
  const { command } = reading;
  const tls = readTls(command, order.environment);
  if (tls === 'missing') {
    const file = command.tls?.certFile ?? '';
    const lines = [
      'Traceback (most recent call last):',
      `FileNotFoundError: [Errno 2] No such file or directory: '${file}'`,
    ];
    return failedContainer(log, { lines, code: 1 });
  }
  const vllm = startFakeVllm({
    host: order.host,
    port: reachablePort(command, order),
    model: command.model,
    servedModelNames: command.servedModelNames,
    apiKeys: command.apiKeys,
    maxModelLen: command.maxModelLen,
    maxNumSeqs: command.maxNumSeqs,
    runner: command.runner,
    tls,
    loadMs: order.loadMs,
    faults: order.faults,
    seed: order.seed,
    ...(tokenDelayMs === undefined ? {} : { tokenDelayMs }),
    announcedUrl: `${tls === null ? 'http' : 'https'}://${command.host ?? '0.0.0.0'}:${command.port}`,
    flags: command.flags,
    hasHubToken: Boolean(order.environment.HF_TOKEN),
    log: (line) => log.push(line.text),
  });
  const guard = startFakeGuard({
    environment: order.environment,
    count,
    renewals: () => vllm.countOf({ handler: '/v1/models', method: 'GET', status: '2xx' }),
    log: (line) => log.push(line),
  });
  return servingOf(vllm, guard, log);
}

function servingOf(vllm: FakeVllm, guard: FakeGuard | null, log: LogRing): Serving {
  return {
    logLines: () => log.lines(),
    exited: vllm.exited.then(({ code }) => ({ code, signal: null })),
    stop: () => {
      guard?.stop();
      return vllm.stop();
    },
  };
}

function failedContainer(log: LogRing, end: { lines: readonly string[]; code: number }): Serving {
  for (const line of end.lines) log.push(line);
  return {
    logLines: () => log.lines(),
    exited: Promise.resolve({ code: end.code, signal: null }),
    stop: async () => {},
  };
}

/** The host port that leads to vLLM's; null when none does, or when vLLM listens on the container's loopback only. */
function reachablePort(command: ServeCommand, order: ServingOrder): number | null {
  if (command.host === '127.0.0.1' || command.host === 'localhost' || command.host === '::1') return null;
  return order.ports.find(({ containerPort }) => containerPort === command.port)?.hostPort ?? null;
}

/** The files do not exist here, so their contents come from where the start script writes them from. */
function readTls(
  command: ServeCommand,
  environment: Readonly<Record<string, string>>,
): TlsPems | null | 'missing' {
  if (command.tls === null) return null;
  const { LEASH_TLS_CERT_B64: cert, LEASH_TLS_KEY_B64: key } = environment;
  if (!cert || !key) return 'missing';
  return {
    cert: Buffer.from(cert, 'base64').toString('utf8'),
    key: Buffer.from(key, 'base64').toString('utf8'),
  };
}
