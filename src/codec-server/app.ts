import type { PayloadCodec } from '@temporalio/common';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { type Admission, type Admit, refusalOf } from '../admin/auth.ts';
import { parseInput } from '../admin/input.ts';
import { answerError, answerNotFound } from '../admin/problems.ts';
import type { SignIns } from '../admin/sign-in-cookie.ts';
import { Problem } from '../domain/problem.ts';
import { PayloadUnreadable } from '../temporal/payload-codec.ts';
import { fromPayloads, payloadsBody, toPayloads } from './payloads.ts';

export type CodecServerDeps = {
  readonly codec: PayloadCodec;
  readonly admit: Admit;
  readonly signIns: Pick<SignIns, 'find'>;
  /** Origin of the Web UI whose pages may call; null: none may, and the command line still can. */
  readonly origin: string | null;
  /** Of one address. */
  readonly callsPerMinute?: number;
};

/** A payload is at most 2 MiB in Temporal, and a history's page has many. */
const BODY_BYTES_MAX = 16 * 1_024 * 1_024;
/** For one address: a Web UI that shows a history asks for each of its events. */
const CALLS_PER_MINUTE = 6_000;
const CORS_SECONDS = 600;

/**
 * A remote codec as Temporal's Web UI and command line speak to one: `decode` shows them what was encrypted, and
 * `encode` encrypts what is typed there.
 *
 * 1. Whoever may look at sessions may decode: the admin's or the viewer's token, or the cookie of a sign-in.
 *    Encoding serves to send something, so it is the admin's.
 * 2. Pages of one origin may call, and send the cookie: a browser lets no other page read an answer, and the cookie
 *    is taken from no other page.
 * 3. What comes is bounded in bytes and number, and so are calls in a minute.
 */
export const codecApp =
  (deps: CodecServerDeps): FastifyPluginAsync =>
  async (app) => {
    const { codec, origin, callsPerMinute = CALLS_PER_MINUTE } = deps;
    app.setErrorHandler(answerError);
    app.setNotFoundHandler(answerNotFound);
    app.addHook('onRequest', async (request, reply) => {
      reply.headers({ 'cache-control': 'no-store', vary: 'Origin' });
      if (origin !== null && request.headers.origin === origin)
        reply.headers({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' });
    });
    answerPreflights(app, origin);

    await app.register(async (calls) => {
      const countCall = app.createRateLimit({ max: callsPerMinute, timeWindow: 60_000 });
      calls.addHook('onRequest', async (request) => {
        requireRight(await admissionOf(deps, request), request);
        const count = await countCall(request);
        if (!count.isAllowed && count.isExceeded)
          throw new Problem('too-many', `More than ${callsPerMinute} calls came within a minute.`, {
            retryAfterSeconds: count.ttlInSeconds,
          });
      });
      const options = { schema: { hide: true }, bodyLimit: BODY_BYTES_MAX };
      calls.post('/decode', options, async (request) =>
        fromPayloads(await explaining(() => codec.decode(payloadsOf(request)))),
      );
      calls.post('/encode', options, async (request) =>
        fromPayloads(await codec.encode(payloadsOf(request))),
      );
    });
  };

/** A browser asks before it sends JSON or a token elsewhere; it brings no credentials then. */
function answerPreflights(app: FastifyInstance, origin: string | null): void {
  app.options('/*', { schema: { hide: true } }, async (request, reply) => {
    if (origin === null || request.headers.origin !== origin)
      throw new Problem(
        'forbidden',
        `Pages of ${request.headers.origin ?? 'no origin'} may not call the codec: ${origin === null ? 'LEASH_CODEC_ORIGIN is not set' : `LEASH_CODEC_ORIGIN is ${origin}`}.`,
      );
    return reply
      .headers({
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'authorization, content-type, x-namespace',
        'access-control-max-age': String(CORS_SECONDS),
      })
      .code(204)
      .send();
  });
}

/** By the token; where there is none, by the cookie, which the Web UI's pages may send as well as our own. */
async function admissionOf(
  { admit, signIns, origin }: CodecServerDeps,
  request: FastifyRequest,
): Promise<Admission> {
  const isFromWebUi = origin !== null && request.headers.origin === origin;
  const signIn =
    isFromWebUi && request.headers.authorization === undefined ? signIns.find(request.raw) : null;
  return signIn === null ? admit(request) : { kind: signIn.role === 'admin' ? 'admitted' : 'viewer' };
}

function requireRight(admission: Admission, request: FastifyRequest): void {
  if (admission.kind === 'admitted') return;
  if (admission.kind !== 'viewer') throw refusalOf(admission);
  if (request.routeOptions.url?.endsWith('/decode') !== true)
    throw new Problem('forbidden', 'The viewer may have payloads decoded; encoding needs the admin token.');
}

function payloadsOf(request: FastifyRequest) {
  return toPayloads(parseInput({ body: { schema: payloadsBody, given: request.body } }).body);
}

async function explaining<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof PayloadUnreadable ? new Problem('invalid', error.message) : error;
  }
}
