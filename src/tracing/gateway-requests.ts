import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { RequestTracer } from '../gateway/seams.ts';

/** A span for each request, and one within it for each attempt at a provider. Nothing of what was said. */
export const gatewayTracer = (tracer: Tracer): RequestTracer => ({
  begin: (request, route) => {
    const parent = propagation.extract(ROOT_CONTEXT, request.headers);
    const path = `/v1/${route}`;
    const span = tracer.startSpan(
      `POST ${path}`,
      { kind: SpanKind.SERVER, attributes: { 'http.request.method': 'POST', 'http.route': path } },
      parent,
    );
    const within = trace.setSpan(parent, span);
    return {
      attempt: ({ provider, session, model }) => {
        const tried = tracer.startSpan(
          `attempt ${provider}`,
          {
            kind: SpanKind.CLIENT,
            attributes: {
              'leash.provider': provider,
              'gen_ai.request.model': model,
              ...(session !== null && { 'leash.session': session }),
            },
          },
          within,
        );
        return {
          end: (came) => {
            tried.setAttribute('leash.attempt.came', came);
            if (came !== 'answered' && came !== 'caller-left')
              tried.setStatus({ code: SpanStatusCode.ERROR, message: came });
            tried.end();
          },
        };
      },
      end: (status, attempts) => {
        span.setAttributes({ 'http.response.status_code': status, 'leash.attempts': attempts });
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  },
});
