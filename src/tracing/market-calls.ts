import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { CallFacts } from '../vast/client.ts';

const GOOD = ['ok', 'created'];

/**
 * One span for each request to the market, told after it was answered: by the name of the call, without its query
 * and its headers. What several sessions share (the list of instances) is in the trace of whoever asked first.
 */
export const marketTracer =
  (tracer: Tracer) =>
  ({ call, outcome, status, tookMs, waitedMs }: CallFacts): void => {
    const endTime = Date.now();
    const span = tracer.startSpan(`market ${call}`, {
      kind: SpanKind.CLIENT,
      startTime: endTime - tookMs,
      attributes: {
        'leash.market.call': call,
        'leash.market.outcome': outcome,
        'leash.market.waited_ms': Math.round(waitedMs),
        ...(status !== null && { 'http.response.status_code': status }),
      },
    });
    if (!GOOD.includes(outcome)) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
    span.end(endTime);
  };
