import {
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { HEADER } from './header.ts';

/**
 * A span for each activity, within which it runs. One that was called off is no error: supervision is at the end of
 * every session.
 */
export const activityTracer =
  (tracer: Tracer): ActivityInterceptorsFactory =>
  ({ info, cancellationSignal }) => ({
    inbound: {
      execute: async (input, next) => {
        const parent = contextIn(input.headers);
        const span = tracer.startSpan(
          `RunActivity:${info.activityType}`,
          { attributes: whichOf(info) },
          parent,
        );
        try {
          return await context.with(trace.setSpan(parent, span), () => next(input));
        } catch (error) {
          // What it failed with then is how it noticed.
          if (cancellationSignal.aborted) span.setAttribute('leash.called_off', true);
          else tellFailure(span, error);
          throw error;
        } finally {
          span.end();
        }
      },
    },
  });

type Info = Parameters<ActivityInterceptorsFactory>[0]['info'];

function whichOf({ workflowExecution, taskQueue, attempt }: Info): Record<string, string | number> {
  return { taskQueue, attempt, ...workflowExecution };
}

function tellFailure(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

function contextIn(headers: Headers) {
  const payload = headers[HEADER];
  if (payload === undefined) return ROOT_CONTEXT;
  return propagation.extract(ROOT_CONTEXT, defaultPayloadConverter.fromPayload(payload));
}
