import { readFileSync } from 'node:fs';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { type Config, isLoopback, namespaceOf } from '../config.ts';
import { Problem } from '../domain/problem.ts';
import { type SignInAnswer, signInAnswer } from './answers.ts';
import { type JudgeToken, refusalOf } from './auth.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { signInBody } from './schema.ts';
import { forgetting, type SignIn, type SignIns } from './sign-in-cookie.ts';

type Deps = {
  readonly config: Pick<Config, 'VASTAI_API_URL' | 'LEASH_TEMPORAL_UI_URL' | 'TEMPORAL_NAMESPACE'>;
  readonly judgeToken: JudgeToken;
  readonly signIns: SignIns;
};

const BODY_BYTES_MAX = 4 * 1_024;

/** `/api/session`: a cookie for a token, so that no script of a page ever keeps the token. */
export const signInRoutes =
  ({ config, judgeToken, signIns }: Deps): FastifyPluginAsync =>
  async (app) => {
    const present = ({ role, expiresAtMs }: SignIn): SignInAnswer => ({
      role,
      expires_at: new Date(expiresAtMs).toISOString(),
      market: marketOf(config),
      version: VERSION,
      temporal_ui_url: temporalUiUrl(config),
    });
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });

    app.post('/session', { schema: BEGIN, bodyLimit: BODY_BYTES_MAX }, async (request, reply) => {
      const { body } = parseInput({ body: { schema: signInBody, given: request.body ?? {} } });
      request.caller = { role: null, by: 'token' };
      const admission = await judgeToken(body.token, request);
      if (admission.kind !== 'admitted' && admission.kind !== 'viewer') throw refusalOf(admission);
      const role = admission.kind === 'admitted' ? 'admin' : 'viewer';
      request.caller = { role, by: 'token' };
      const begun = signIns.begin({ role, token: body.token }, request.raw);
      return reply.header('set-cookie', begun.setCookie).send(present(begun));
    });

    app.get('/session', { schema: FIND }, async (request, reply) => {
      const renewed = signIns.renew(request.raw);
      if (renewed !== null) reply.header('set-cookie', renewed.setCookie);
      const found = renewed ?? signIns.find(request.raw);
      if (found === null) throw new Problem('unauthorized', 'Nobody is signed in here.');
      return present(found);
    });

    app.delete('/session', { schema: END }, async (request, reply) =>
      reply.header('set-cookie', forgetting(request.raw)).code(204).send(),
    );
  };

function temporalUiUrl(config: Deps['config']): string | null {
  const base = config.LEASH_TEMPORAL_UI_URL;
  return base === undefined ? null : `${base.replace(/\/+$/, '')}/namespaces/${namespaceOf(config)}`;
}

function marketOf({ VASTAI_API_URL: url }: Pick<Config, 'VASTAI_API_URL'>): string {
  if (isLoopback(url)) return 'simulated';
  const { host } = new URL(url);
  return host === 'vast.ai' || host.endsWith('.vast.ai') ? 'vast.ai' : host;
}

const { version: VERSION } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')));

const BEGIN = describeCall({
  summary: 'Sign in: the admin or viewer token for the cookie `leash_session`',
  body: signInBody,
  answers: { 200: { is: 'Signed in; the cookie is in Set-Cookie', schema: signInAnswer } },
});
const FIND = describeCall({
  summary: 'Who is signed in by the cookie',
  answers: { 200: { is: 'The sign-in', schema: signInAnswer } },
});
const END = describeCall({
  summary: 'Sign out: the browser forgets the cookie',
  answers: { 204: { is: 'Forgotten', schema: z.null() } },
});
