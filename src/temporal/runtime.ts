import { createServer } from 'node:net';
import { DefaultLogger, Runtime, type RuntimeOptions } from '@temporalio/worker';
import type { Logger } from 'pino';

/** Names of metrics that workflows write through Temporal's meter, and the seconds their buckets end at. */
const HISTOGRAM_SECONDS: Record<string, number[]> = {
  leash_launch_ready_seconds: [15, 30, 60, 90, 120, 180, 300, 450, 600, 900, 1_800, 3_600],
};
/** Between choosing a free port and taking it another process may take it. */
const PORT_TRIES = 5;
/** It is this very process that answers: one that takes longer does not answer. */
const TELL_MS = 1_000;
const SILENT = '# Temporal’s SDK did not tell its metrics in time\n';

let installed: Promise<string | null> | null = null;

/**
 * Temporal's own log lines go where ours go, and its metrics to a port of this machine. Once per process, before
 * any connection: what installs it later finds it as it is.
 */
export async function installRuntime(logger: Logger): Promise<void> {
  installed ??= install(logger);
  await installed;
}

/**
 * Metrics of Temporal's SDK, of all workers in this process, as Prometheus reads them; a comment where it is
 * silent, since nobody's scrape may fail or wait because of them.
 */
export async function sdkMetrics(): Promise<string> {
  const url = await (installed ?? Promise.resolve(null));
  return url === null ? SILENT : readSdkMetrics(url);
}

/** For `sdkMetrics`, and the test of what it survives. */
export async function readSdkMetrics(url: string, tellMs = TELL_MS): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(tellMs) });
    return answer.ok ? await answer.text() : SILENT;
  } catch {
    return SILENT;
  }
}

/** Where its metrics are; null where no port was to be had: metrics are no reason for a worker not to start. */
async function install(logger: Logger): Promise<string | null> {
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const bindAddress = `127.0.0.1:${await freePort()}`;
    try {
      Runtime.install(optionsOf(logger, bindAddress));
      return `http://${bindAddress}/metrics`;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('prometheus')) throw error;
      logger.debug({ why: error.message }, 'another port for the metrics of Temporal’s SDK');
    }
  }
  logger.warn('Temporal’s SDK has no port for its metrics: they are missing from /metrics');
  Runtime.install(optionsOf(logger, null));
  return null;
}

function optionsOf(logger: Logger, bindAddress: string | null): RuntimeOptions {
  return {
    // The program that composes the worker orders the shutdown.
    shutdownSignals: [],
    logger: loggerFor(logger),
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } },
      ...(bindAddress !== null && {
        metrics: {
          attachServiceName: false,
          prometheus: {
            bindAddress,
            countersTotalSuffix: true,
            unitSuffix: true,
            useSecondsForDurations: true,
            histogramBucketOverrides: HISTOGRAM_SECONDS,
          },
        },
      }),
    },
  };
}

function loggerFor(logger: Logger): DefaultLogger {
  return new DefaultLogger('INFO', ({ level, message, meta }) => {
    const { error, ...rest } = (meta ?? {}) as { error?: unknown; sdkComponent?: string };
    const facts = error instanceof Error ? { ...rest, error: error.message } : rest;
    if (level === 'ERROR') logger.error(facts, message);
    else if (level === 'WARN') logger.warn(facts, message);
    // What our own workflows tell is news; what the SDK does is not.
    else if (rest.sdkComponent === 'workflow') logger.info(facts, message);
    else logger.debug(facts, message);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
  } finally {
    server.close();
  }
}
