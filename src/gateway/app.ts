import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type OpenAiError, Refusal, sendOpenAiError, unknownModel } from './errors.ts';
import { BODY_BYTES_MAX, READ_OVER_BYTES_MAX } from './front.ts';
import type { Gateway } from './gateway.ts';
import { requestIdOf } from './headers.ts';
import { ROUTES } from './target.ts';

/** Whether a caller may use the gateway by the admin token or a sign-in, and if not, why. */
export type Admit = (
  request: FastifyRequest,
) => Promise<
  | { readonly kind: 'admitted' | 'viewer' | 'no-token' | 'wrong-token' | 'signed-out' }
  | { readonly kind: 'cross-site'; readonly why: string }
  | { readonly kind: 'too-many'; readonly retryAfterSeconds: number }
>;

export type GatewayAppDeps = { readonly gateway: Gateway; readonly admit: Admit };

/**
 * The gateway's slower way: its list of models, every refusal, and requests that the front did not take,
 * such as those whose length is not known beforehand.
 */
export const gatewayApp =
  ({ gateway, admit }: GatewayAppDeps): FastifyPluginAsync =>
  async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', requestIdOf(request.raw));
    });
    app.addHook('onRequest', (request) => requireAdmission({ gateway, admit }, request));
    app.setErrorHandler(answerError);
    app.setNotFoundHandler((request, reply) => answerError(notFound(request), request, reply));
    takeJsonAsBytes(app);

    const openedSec = Math.floor(Date.now() / 1_000);
    const toModel = (id: string) => ({ id, object: 'model', created: openedSec, owned_by: 'leash' });
    app.get('/models', { schema: { hide: true } }, async (request) => ({
      object: 'list',
      data: modelsFor(gateway, request).map(toModel),
    }));
    // Names of models have slashes, which not every client encodes.
    app.get('/models/*', { schema: { hide: true } }, async (request) => {
      const { '*': id } = request.params as { '*': string };
      if (!gateway.serves(id) || !isAllowed(gateway, request, id)) {
        throw new Refusal(unknownModel(id, modelsFor(gateway, request)));
      }
      return toModel(id);
    });

    for (const route of ROUTES) {
      app.post(`/${route}`, { schema: { hide: true }, bodyLimit: BODY_BYTES_MAX }, async (request, reply) => {
        reply.hijack();
        gateway.front.pass({
          request: request.raw,
          response: reply.raw,
          bytes: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          key: gateway.admits(request.raw) ?? null,
        });
      });
    }
  };

/** A key is shown what it may use. */
function modelsFor(gateway: Gateway, request: FastifyRequest): string[] {
  return gateway.models().filter((model) => isAllowed(gateway, request, model));
}

function isAllowed(gateway: Gateway, request: FastifyRequest, model: string): boolean {
  return gateway.admits(request.raw)?.limits?.models?.includes(model) ?? true;
}

/** The body stays bytes: it is passed on as it came. */
function takeJsonAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() === 'identity') done(null, body);
    else done(new Refusal(refused(415, 'unsupported_encoding', 'Send the body without content-encoding.')));
  });
}

async function requireAdmission({ gateway, admit }: GatewayAppDeps, request: FastifyRequest): Promise<void> {
  if (gateway.admits(request.raw) !== undefined) return;
  const admission = await admit(request);
  if (admission.kind === 'admitted') return;
  if (admission.kind === 'too-many') {
    throw new Refusal({
      ...refused(429, 'rate_limit_exceeded', 'Too many wrong keys came from this address within a minute.'),
      retryAfterSeconds: admission.retryAfterSeconds,
    });
  }
  if (admission.kind === 'viewer') {
    throw new Refusal(refused(403, 'permission_denied', 'The viewer may look at the admin API only.'));
  }
  if (admission.kind === 'cross-site') throw new Refusal(refused(403, 'permission_denied', admission.why));
  throw new Refusal(refused(401, 'invalid_api_key', NOT_ADMITTED[admission.kind]));
}

const NOT_ADMITTED = {
  'no-token': 'No API key was given. Send it as Authorization: Bearer KEY.',
  'wrong-token': 'This API key is not valid here.',
  'signed-out': 'This sign-in has ended. Sign in again, or send a key as Authorization: Bearer KEY.',
} as const;

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Closed while the rest is sent, the connection would break under a client that has not read our answer yet.
  if (Number(request.headers['content-length']) <= READ_OVER_BYTES_MAX) {
    reply.removeHeader('connection');
    request.raw.resume();
  }
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
