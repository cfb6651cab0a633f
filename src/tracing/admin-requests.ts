import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Calls of people and programs; probes and scrapes come each second. */
const TRACED = '/api/admin/';
/** An answer without end is no step of anything, and whatever it starts would be in its trace for ever. */
const ENDLESS = ['/api/admin/events'];

/** A span for each request to the admin API, within which its handler runs. */
export const adminTracer =
  (tracer: Tracer) =>
  (app: FastifyInstance): void => {
    const underWay = new WeakMap<FastifyRequest, { span: Span; within: Context }>();
    app.addHook('onRequest', (request, _reply, done) => {
      const { url: route } = request.routeOptions;
      if (route?.startsWith(TRACED) === true && !ENDLESS.includes(route)) {
        const parent = propagation.extract(ROOT_CONTEXT, request.headers);
        const span = tracer.startSpan(
          `${request.method} ${route}`,
          {
            kind: SpanKind.SERVER,
            attributes: { 'http.request.method': request.method, 'http.route': route },
          },
          parent,
        );
        underWay.set(request, { span, within: trace.setSpan(parent, span) });
      }
      done();
    });
    // As late as can be: reading the body loses what was around it.
    app.addHook('preHandler', (request, _reply, done) => {
      const known = underWay.get(request);
      if (known === undefined) done();
      else context.with(known.within, done);
    });
    app.addHook('onResponse', (request, reply, done) => {
      const known = underWay.get(request);
      known?.span.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) known?.span.setStatus({ code: SpanStatusCode.ERROR });
      known?.span.end();
      done();
    });
    // Nobody is there any more to be answered.
    app.addHook('onRequestAbort', (request, done) => {
      underWay.get(request)?.span.end();
      done();
    });
  };
