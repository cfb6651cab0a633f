import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { AccessLog } from '../archive/access-log.ts';
import type { Sessions } from '../client.ts';
import type { Config } from '../config.ts';
import type { Tier } from '../domain/tier.ts';
import type { KeyBook } from '../gateway/keys/keys.ts';
import type { Metering } from '../gateway/metering.ts';
import { accessLogRoutes } from './access-log.ts';
import { recordAccess } from './access-recording.ts';
import { type Admit, type JudgeToken, requireAdmission } from './auth.ts';
import { budgetRoutes } from './budget.ts';
import { costsRoutes } from './costs.ts';
import { guaranteesRoutes } from './guarantees.ts';
import { hoursRoutes } from './hours.ts';
import { keysRoutes } from './keys.ts';
import { logsRoutes } from './logs.ts';
import { machinesRoutes } from './machines.ts';
import type { Metrics } from './metrics.ts';
import { newsRoutes } from './news.ts';
import { notificationsRoutes } from './notifications.ts';
import { offersRoutes } from './offers.ts';
import { OPENAPI } from './openapi.ts';
import { probeRoutes } from './probes.ts';
import { answerError, answerNotFound } from './problems.ts';
import { type ProviderDesk, providersRoutes } from './providers.ts';
import { reapRoutes } from './reap.ts';
import { samplesRoutes } from './samples.ts';
import { sessionsRoutes } from './sessions.ts';
import { settingsRoutes } from './settings.ts';
import { signInRoutes } from './sign-in.ts';
import type { SignIns } from './sign-in-cookie.ts';
import { timelineRoutes } from './timeline.ts';
import { versionsRoutes } from './versions.ts';
import { vllmRoutes } from './vllm.ts';

export type AdminDeps = {
  readonly sessions: Sessions;
  readonly config: Config;
  readonly tiers: readonly Tier[];
  readonly admit: Admit;
  readonly judgeToken: JudgeToken;
  readonly signIns: SignIns;
  /** What no answer may say. */
  readonly secrets: readonly string[];
  readonly metrics: Metrics;
  readonly keys: KeyBook;
  readonly metering: Pick<Metering, 'usage'>;
  readonly gateway: ProviderDesk;
  readonly accessLog: Pick<AccessLog, 'note' | 'find'>;
};

const BODY_BYTES_MAX = 256 * 1_024;

/** The admin API with its document, and the probes beside it. */
export const adminApp =
  (deps: AdminDeps): FastifyPluginAsync =>
  async (app) => {
    app.setErrorHandler(answerError);
    takeJsonOnly(app);
    leaveSchemasToTheDocument(app);
    recordAccess(app, deps.accessLog);
    await app.register(swagger, { openapi: OPENAPI });

    await app.register(adminRoutes(deps), { prefix: '/api/admin' });
    await app.register(signInRoutes(deps), { prefix: '/api' });
    await app.register(probeRoutes(deps));
    app.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  };

const adminRoutes =
  (deps: AdminDeps): FastifyPluginAsync =>
  async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      await requireAdmission(deps.admit, request);
      const renewed = deps.signIns.renew(request.raw);
      if (renewed !== null) reply.header('set-cookie', renewed.setCookie);
    });
    app.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, security: [{ admin: [] }] };
      route.bodyLimit = BODY_BYTES_MAX;
    });
    // Of its own, so that who holds no token does not learn which calls there are.
    app.setNotFoundHandler(answerNotFound);
    await app.register(vllmRoutes(deps), { prefix: '/vllm' });
    await app.register(sessionsRoutes(deps));
    await app.register(budgetRoutes(deps));
    await app.register(costsRoutes(deps));
    await app.register(keysRoutes(deps));
    await app.register(offersRoutes(deps));
    await app.register(machinesRoutes(deps));
    await app.register(providersRoutes(deps));
    await app.register(timelineRoutes(deps));
    await app.register(samplesRoutes(deps));
    await app.register(logsRoutes(deps));
    await app.register(newsRoutes(deps));
    await app.register(hoursRoutes(deps));
    await app.register(settingsRoutes(deps));
    await app.register(guaranteesRoutes(deps));
    await app.register(reapRoutes(deps));
    await app.register(notificationsRoutes(deps));
    await app.register(versionsRoutes(deps));
    await app.register(accessLogRoutes(deps));
  };

/** JSON is the only body there is; an empty one, which many clients send with a content type, is none. */
function takeJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.toString().trim() === '') done(null, undefined);
    else parse(request, body.toString(), done);
  });
}

/** Handlers parse with zod, which says all problems at once; the JSON schemas of routes only describe. */
function leaveSchemasToTheDocument(app: FastifyInstance): void {
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
}
