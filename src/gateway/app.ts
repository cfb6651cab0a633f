import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Authority } from '../certificates.ts';
import type { Sessions } from '../client.ts';
import type { Installation } from '../installation.ts';
import { type OpenAiError, Refusal, sendOpenAiError } from './errors.ts';
import { forward } from './forwarding.ts';
import { parseInferenceBody } from './request-body.ts';
import { makeRouter, modelsOf } from './routing.ts';
import { DEADLINES, type Deadlines, openUpstream } from './upstream.ts';

/** Whether a caller may use the gateway; the admin token is its key until it has keys of its own. */
export type Admit = (
  request: FastifyRequest,
) => Promise<
  | { readonly kind: 'admitted' | 'viewer' | 'no-token' | 'wrong-token' }
  | { readonly kind: 'too-many'; readonly retryAfterSeconds: number }
>;

export type GatewayDeps = {
  readonly sessions: Pick<Sessions, 'serving' | 'markUnreachable'>;
  readonly installation: Pick<Installation, 'instanceKey'>;
  readonly authority: Pick<Authority, 'pinOf'>;
  readonly admit: Admit;
  readonly deadlines?: Deadlines;
};

const BODY_BYTES_MAX = 32 * 1_024 * 1_024;
const FORWARDED = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings'];

/** The OpenAI-compatible API: one stable URL, whichever instance serves behind it. */
export const gatewayApp =
  ({ sessions, installation, authority, admit, deadlines = DEADLINES }: GatewayDeps): FastifyPluginAsync =>
  async (app) => {
    const router = makeRouter(sessions);
    const upstream = openUpstream({
      deadlines,
      pinOf: authority.pinOf,
      isServing: (label) => sessions.serving().some((session) => session.label === label),
    });
    app.addHook('onClose', () => upstream.close());
    app.addHook('onRequest', (request) => requireAdmission(admit, request));
    app.setErrorHandler(answerError);
    app.setNotFoundHandler((request, reply) => answerError(notFound(request), request, reply));
    takeJsonAsBytes(app);

    const openedSec = Math.floor(Date.now() / 1_000);
    app.get('/models', { schema: { hide: true } }, async () => ({
      object: 'list',
      data: modelsOf(sessions.serving()).map((id) => ({
        id,
        object: 'model',
        created: openedSec,
        owned_by: 'leash',
      })),
    }));

    const deps = { sessions, router, upstream, instanceKey: installation.instanceKey };
    for (const path of FORWARDED) {
      app.post(
        path.slice('/v1'.length),
        { schema: { hide: true }, bodyLimit: BODY_BYTES_MAX },
        (request, reply) => forward(deps, { request, reply, body: parseInferenceBody(request.body) }),
      );
    }
  };

/** The body stays bytes: it is passed on as it came. */
function takeJsonAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() === 'identity') done(null, body);
    else done(new Refusal(refused(415, 'unsupported_encoding', 'Send the body without content-encoding.')));
  });
}

async function requireAdmission(admit: Admit, request: FastifyRequest): Promise<void> {
  const admission = await admit(request);
  if (admission.kind === 'admitted') return;
  if (admission.kind === 'too-many') {
    throw new Refusal({
      ...refused(429, 'rate_limit_exceeded', 'Too many wrong keys came from this address within a minute.'),
      retryAfterSeconds: admission.retryAfterSeconds,
    });
  }
  if (admission.kind === 'viewer') {
    throw new Refusal(refused(403, 'permission_denied', 'This token may look at the admin API only.'));
  }
  const message =
    admission.kind === 'no-token'
      ? 'No API key was given. Send it as Authorization: Bearer KEY.'
      : 'This API key is not valid here.';
  throw new Refusal(refused(401, 'invalid_api_key', message));
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendOpenAiError(reply, error instanceof Refusal ? error.error : fromTransport(error, request));
}

function fromTransport(error: unknown, request: FastifyRequest): OpenAiError {
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return refused(415, 'unsupported_media_type', 'Send the body as content-type: application/json.');
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return refused(413, 'request_too_large', `A request may have at most ${BODY_BYTES_MAX} bytes.`);
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return refused(statusCode, 'invalid_request', message ?? 'The request is wrong.');
  }
  request.log.error({ err: error, route: request.routeOptions.url }, 'gateway failed');
  return {
    status: 500,
    message: 'Something went wrong inside Leash. Its log says what.',
    type: 'server_error',
    code: 'internal_error',
  };
}

function notFound(request: FastifyRequest): Refusal {
  const path = request.url.split('?')[0];
  return new Refusal(refused(404, 'not_found', `There is no ${request.method} ${path} here.`));
}

function refused(status: number, code: string, message: string): OpenAiError {
  return { status, code, message, type: 'invalid_request_error' };
}
