import { defaultPayloadConverter, type Headers, type Payload } from '@temporalio/common';
import type { OpenTelemetryWorkflowExporter } from '@temporalio/interceptors-opentelemetry';
import {
  ContinueAsNew,
  isCancellation,
  proxySinks,
  type Sinks,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
  workflowInfo,
} from '@temporalio/workflow';
import { HEADER } from './header.ts';

/**
 * Part of the workflows' bundle where traces are sent: a span for the run, each activity and each update.
 *
 * 1. Nothing that a workflow awaits goes through a promise of ours: a step more, and of two lanes side by side the
 *    other would send its command first. A history must replay whether it was traced or not, and the interceptors
 *    of OpenTelemetry's own SDK, which wait, made one of a hedged session that did not.
 * 2. No random number and no time is drawn that a workflow could miss: ids follow from the run's.
 */
export const interceptors = (): WorkflowInterceptors => {
  const run = new RunTrace();
  return { inbound: [inboundOf(run)], outbound: [outboundOf(run)] };
};

type TracedSinks = Sinks & { exporter: OpenTelemetryWorkflowExporter };
type Serialized = Parameters<OpenTelemetryWorkflowExporter['export']>[0][number];

/** Where a span stands: what the W3C's `traceparent` says. */
type Place = { readonly traceId: string; readonly spanId: string; readonly flags: number };

const SAMPLED = 1;
const OK = 1;
const ERROR = 2;
/** Of our own making, within whatever asked for it. */
const INTERNAL = 0;
const { exporter } = proxySinks<TracedSinks>();

/** One run of a workflow; made before its first step. */
class RunTrace {
  #spans = 0;
  #place: Place | null = null;

  /** Of the run itself, from what started it on. */
  begin(headers: Headers): OpenSpan {
    const span = this.open(`RunWorkflow:${workflowInfo().workflowType}`, placeIn(headers));
    this.#place = span.place;
    return span;
  }

  /** A span below `parent`; below nothing, it begins a trace of its own. */
  open(name: string, parent: Place | null = this.#place): OpenSpan {
    this.#spans += 1;
    const { runId } = workflowInfo();
    const place = {
      traceId: parent?.traceId ?? runId.replaceAll('-', ''),
      spanId: spanIdOf(`${runId}/${this.#spans}`),
      flags: parent?.flags ?? SAMPLED,
    };
    return { name, place, parentSpanId: parent?.spanId, startedAtMs: Date.now() };
  }

  /** For what begins in another workflow, or in the next run of this one. */
  onward(headers: Headers): Headers {
    return this.#place === null ? headers : withPlace(headers, this.#place);
  }
}

type OpenSpan = {
  readonly name: string;
  readonly place: Place;
  readonly parentSpanId: string | undefined;
  readonly startedAtMs: number;
};

function inboundOf(run: RunTrace): WorkflowInboundCallsInterceptor {
  return {
    execute: (input, next) => watched(run.begin(input.headers), next(input)),
    handleUpdate: (input, next) => {
      const span = run.open(`HandleUpdate:${input.name}`, placeIn(input.headers));
      return watched(span, next(input));
    },
  };
}

function outboundOf(run: RunTrace): WorkflowOutboundCallsInterceptor {
  return {
    scheduleActivity: (input, next) => {
      const span = run.open(`StartActivity:${input.activityType}`);
      return watched(span, next({ ...input, headers: withPlace(input.headers, span.place) }));
    },
    startChildWorkflowExecution: (input, next) => next({ ...input, headers: run.onward(input.headers) }),
    signalWorkflow: (input, next) => next({ ...input, headers: run.onward(input.headers) }),
    continueAsNew: (input, next) => next({ ...input, headers: run.onward(input.headers) }),
  };
}

/** The very promise it was given: its end is told from the side (1). */
function watched<Answer>(span: OpenSpan, work: Promise<Answer>): Promise<Answer> {
  work.then(
    () => tell(span, { code: OK }),
    (error: unknown) => tell(span, statusOf(error)),
  );
  return work;
}

function statusOf(error: unknown): Serialized['status'] {
  if (error instanceof ContinueAsNew || isCancellation(error)) return { code: OK };
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return { code: ERROR, message: cause instanceof Error ? cause.message : String(cause) };
}

function tell({ name, place, parentSpanId, startedAtMs }: OpenSpan, status: Serialized['status']): void {
  const { traceId, spanId, flags: traceFlags } = place;
  if ((traceFlags & SAMPLED) === 0) return;
  const endedAtMs = Date.now();
  exporter.export([
    {
      name,
      kind: INTERNAL,
      spanContext: { traceId, spanId, traceFlags },
      ...(parentSpanId !== undefined && { parentSpanId }),
      startTime: hrTime(startedAtMs),
      endTime: hrTime(endedAtMs),
      duration: hrTime(endedAtMs - startedAtMs),
      status,
      attributes: {},
      links: [],
      events: [],
      ended: true,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
      instrumentationLibrary: { name: 'leash-workflows' },
    },
  ]);
}

/** Null where there is none, or none that can be read: then the trace begins here. */
function placeIn(headers: Headers): Place | null {
  const payload = headers[HEADER];
  if (payload === undefined) return null;
  const [, traceId, spanId, flags] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparentOf(payload)) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** Whatever whoever started the workflow has written there: it must not fail its first task. */
function traceparentOf(payload: Payload): string {
  try {
    const carried: unknown = defaultPayloadConverter.fromPayload(payload);
    const text: unknown =
      typeof carried === 'object' && carried !== null ? Reflect.get(carried, 'traceparent') : '';
    return typeof text === 'string' ? text : '';
  } catch {
    return '';
  }
}

function withPlace(headers: Headers, { traceId, spanId, flags }: Place): Headers {
  const traceparent = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
  return { ...headers, [HEADER]: defaultPayloadConverter.toPayload({ traceparent }) };
}

function hrTime(ms: number): [number, number] {
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1e6];
}

/** 64 bits of FNV-1a: the same on every replay, and another for each span of each run. */
function spanIdOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const char of text) {
    hash ^= BigInt(char.codePointAt(0) ?? 0);
    hash = (hash * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16).padStart(16, '0');
}
