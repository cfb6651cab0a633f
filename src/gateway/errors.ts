import type { FastifyReply } from 'fastify';

/** An error as clients of OpenAI's API read it. */
export type OpenAiError = {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly param?: string;
  readonly retryAfterSeconds?: number;
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
};

export function openAiBody({ message, type, code, param }: OpenAiError) {
  return { error: { message, type, param: param ?? null, code } };
}

export function sendOpenAiError(reply: FastifyReply, error: OpenAiError): FastifyReply {
  if (error.retryAfterSeconds !== undefined) {
    reply.header('retry-after', String(Math.ceil(error.retryAfterSeconds)));
  }
  if (error.headers !== undefined) reply.headers(error.headers);
  if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="leash"');
  return reply
    .code(error.status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(openAiBody(error)));
}

/** A request that is refused before or instead of being sent on. */
export class Refusal extends Error {
  readonly error: OpenAiError;

  constructor(error: OpenAiError) {
    super(error.message);
    this.name = 'Refusal';
    this.error = error;
  }
}

export function badRequest(message: string, param?: string): Refusal {
  return new Refusal({
    status: 400,
    message,
    type: 'invalid_request_error',
    code: 'invalid_request',
    ...(param !== undefined && { param }),
  });
}

export function noReadySession(): Refusal {
  return new Refusal({
    status: 503,
    message:
      'No session is READY to serve this request. Launch one (POST /api/admin/vllm/launch), or ask again when the one that is starting is READY.',
    type: 'service_unavailable_error',
    code: 'no_ready_session',
    retryAfterSeconds: 15,
  });
}

export function unknownModel(model: string, models: readonly string[]): Refusal {
  return new Refusal({
    status: 404,
    message: `The model ${JSON.stringify(model.slice(0, 200))} is not served here; served now: ${models.join(', ')}.`,
    type: 'invalid_request_error',
    code: 'model_not_found',
    param: 'model',
  });
}
