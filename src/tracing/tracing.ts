import type { ClientInterceptors } from '@temporalio/client';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { Sinks } from '@temporalio/workflow';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { RequestTracer } from '../gateway/seams.ts';
import type { CallFacts } from '../vast/client.ts';

/**
 * One trace from the admin's call through workflow and activity to the market, and one for each request through
 * the gateway. One for a process; who composes it hands it to its parts.
 */
export type Tracing = {
  readonly ofClient: ClientInterceptors;
  readonly ofWorker: WorkerTracing;
  /** A request to the market, within whatever made it. */
  noteMarketCall(facts: CallFacts): void;
  /** Requests to the admin API; a caller's `traceparent` is gone on with. */
  traceAdmin(app: FastifyInstance): void;
  readonly ofGateway: RequestTracer;
  /** Sends what is held back, for a few seconds at most. */
  close(): Promise<void>;
};

export type WorkerTracing = {
  readonly activity: ActivityInterceptorsFactory;
  /** Modules that become part of the workflows' bundle. */
  readonly workflowModules: readonly string[];
  readonly sinks: InjectedSinks<Sinks>;
};

/** Null, and nothing of OpenTelemetry is loaded, where no collector is named. */
export async function openTracing(config: Config, logger: Logger): Promise<Tracing | null> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config;
  if (endpoint === undefined) return null;
  const { traceTo } = await import('./opentelemetry.ts');
  return traceTo({
    endpoint,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    serviceName: config.OTEL_SERVICE_NAME,
    logger,
  });
}
