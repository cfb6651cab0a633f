import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { context, DiagLogLevel, diag, propagation, type Tracer, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import {
  makeWorkflowExporter,
  OpenTelemetryWorkflowClientInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import type { WorkflowInfo } from '@temporalio/workflow';
import type { Logger } from 'pino';
import { activityTracer } from './activities.ts';
import { adminTracer } from './admin-requests.ts';
import { gatewayTracer } from './gateway-requests.ts';
import { marketTracer } from './market-calls.ts';
import { onlyWhatWasAskedFor } from './sampling.ts';
import type { Tracing, WorkerTracing } from './tracing.ts';

export type TracingOptions = {
  /** Base URL of an OTLP collector over HTTP. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly logger: Logger;
};

/** A collector that is away costs this much memory, and spans beyond it: nothing waits for it. */
const SPANS_HELD_MAX = 2_048;
const SPANS_A_BATCH = 256;
const SEND_EVERY_MS = 1_000;
const SEND_MS = 5_000;
const FLUSH_MS = 3_000;
const TROUBLE_EVERY_MS = 60_000;

/** Spans to an OTLP collector, in batches, as long as it keeps up. */
export function traceTo({ endpoint, headers, serviceName, logger }: TracingOptions): Tracing {
  reportTrouble(logger);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint}/v1/traces`,
    headers: { ...headers },
    timeoutMillis: SEND_MS,
    concurrencyLimit: 2,
  });
  const processor = new BatchSpanProcessor(exporter, {
    maxQueueSize: SPANS_HELD_MAX,
    maxExportBatchSize: SPANS_A_BATCH,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_MS,
  });
  const resource = new Resource({ 'service.name': serviceName, 'process.pid': process.pid });
  const provider = new NodeTracerProvider({
    resource,
    sampler: new ParentBasedSampler({ root: onlyWhatWasAskedFor }),
    spanProcessors: [processor],
  });
  // Of the caller's trace nothing but its ids: its baggage would end up in histories.
  provider.register({ propagator: new W3CTraceContextPropagator() });
  const tracer = provider.getTracer('leash');
  return {
    ofClient: { workflow: [new OpenTelemetryWorkflowClientInterceptor({ tracer })] },
    ofWorker: workerTracing(tracer, processor, resource),
    noteMarketCall: marketTracer(tracer),
    traceAdmin: adminTracer(tracer),
    ofGateway: gatewayTracer(tracer),
    close: () => closeWithin(provider),
  };
}

/** What a dead collector has not taken by then is lost. */
async function closeWithin(provider: NodeTracerProvider): Promise<void> {
  const sent = provider.shutdown().catch(() => undefined);
  await Promise.race([sent, pause(FLUSH_MS, undefined, { ref: false })]);
  for (const api of [trace, context, propagation]) api.disable();
}

function workerTracing(tracer: Tracer, processor: SpanProcessor, resource: Resource): WorkerTracing {
  const { export: exported } = makeWorkflowExporter(processor, resource);
  type Spans = Parameters<typeof exported.fn>[1];
  return {
    activity: activityTracer(tracer),
    workflowModules: [fileURLToPath(new URL('workflow-interceptors.ts', import.meta.url))],
    sinks: {
      exporter: {
        export: { fn: (info: WorkflowInfo, spans: Spans) => exported.fn(whichOf(info), spans) },
      },
    },
  };
}

/** All of what it is given becomes attributes of each span, and the memo holds the whole request. */
function whichOf({ workflowId, runId, workflowType, taskQueue, namespace }: WorkflowInfo): WorkflowInfo {
  return { workflowId, runId, workflowType, taskQueue, namespace } as WorkflowInfo;
}

/** What the library has to complain of: a collector that is away says so with each batch. */
function reportTrouble(logger: Logger): void {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const tell = (message: string): void => {
    if (performance.now() - toldAtMs < TROUBLE_EVERY_MS) return;
    toldAtMs = performance.now();
    logger.warn({ why: message.slice(0, 300) }, 'traces cannot be sent');
  };
  const nothing = () => undefined;
  diag.setLogger(
    { error: tell, warn: nothing, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}
