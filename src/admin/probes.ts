import type { FastifyPluginAsync } from 'fastify';
import type { Sessions } from '../client.ts';
import { readinessAnswer } from './answers.ts';
import { type Admit, isFromLoopback, requireAdmission } from './auth.ts';
import type { Metrics } from './metrics.ts';
import { describeCall } from './openapi.ts';

type Deps = { readonly sessions: Sessions; readonly metrics: Metrics; readonly admit: Admit };

/** What machines ask: liveness and readiness are open to all, metrics to this machine and the admin token. */
export const probeRoutes =
  ({ sessions, metrics, admit }: Deps): FastifyPluginAsync =>
  async (app) => {
    app.get('/healthz', { schema: { summary: 'Liveness: this process answers' } }, async () => ({
      status: 'ok',
    }));

    app.get('/readyz', { schema: READY }, async (_request, reply) => {
      const { temporal, worker, schedules, market, details } = await sessions.readiness();
      const ready = temporal && worker && schedules && market;
      return reply.code(ready ? 200 : 503).send({ ready, temporal, worker, schedules, market, details });
    });

    app.get('/metrics', { schema: { summary: 'Prometheus' } }, async (request, reply) => {
      if (!isFromLoopback(request)) await requireAdmission(admit, request);
      return reply.type(metrics.contentType).send(await metrics.text());
    });
  };

const READY = describeCall({
  summary: 'Readiness: Temporal, a worker, the schedules and the market key',
  answers: {
    200: { is: 'Everything a launch needs is there', schema: readinessAnswer },
    503: { is: 'Something is missing; `details` says what', schema: readinessAnswer },
  },
});
