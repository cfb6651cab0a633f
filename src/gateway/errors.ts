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

/** Headers of an answer that is an error, names and values in turn. */
export function openAiHeaders(error: OpenAiError): string[] {
  const headers = ['content-type', 'application/json; charset=utf-8'];
  if (error.retryAfterSeconds !== undefined) {
    headers.push('retry-after', String(Math.max(1, Math.ceil(error.retryAfterSeconds))));
  }
  if (error.headers !== undefined) headers.push(...Object.entries(error.headers).flat());
  if (error.status === 401) headers.push('www-authenticate', 'Bearer realm="leash"');
  return headers;
}

export function sendOpenAiError(reply: FastifyReply, error: OpenAiError): FastifyReply {
  const headers = openAiHeaders(error);
  for (let at = 0; at < headers.length; at += 2) reply.header(headers[at] ?? '', headers[at + 1]);
  return reply.code(error.status).send(JSON.stringify(openAiBody(error)));
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

/** What is known of why nobody serves, and when to ask again. */
export type Outlook = { readonly message: string; readonly retryAfterSeconds: number };

const NO_OUTLOOK: Outlook = {
  message: 'Launch one (POST /api/admin/vllm/launch), or ask again when the one that is starting is READY.',
  retryAfterSeconds: 15,
};

export function noReadySession(outlook: Outlook | null = null): OpenAiError {
  const { message, retryAfterSeconds } = outlook ?? NO_OUTLOOK;
  return {
    status: 503,
    message: `No session is READY to serve this request, nor another provider. ${message}`,
    type: 'service_unavailable_error',
    code: 'no_ready_session',
    retryAfterSeconds,
  };
}

export function unknownModel(model: string, models: readonly string[]): OpenAiError {
  return {
    status: 404,
    message: `The model ${JSON.stringify(model.slice(0, 200))} is not served here; served now: ${models.join(', ') || 'none'}.`,
    type: 'invalid_request_error',
    code: 'model_not_found',
    param: 'model',
  };
}

/** The model is served, but not by this call. */
export function routeNotServed(message: string): OpenAiError {
  return { status: 404, message, type: 'invalid_request_error', code: 'route_not_served' };
}

export function tooManyAtOnce(max: number): OpenAiError {
  return {
    status: 429,
    message: `${max} requests are under way, the most this gateway takes at once. Ask again in a moment.`,
    type: 'rate_limit_error',
    code: 'too_many_requests',
    retryAfterSeconds: 1,
  };
}

export function serverError(status: number, code: string, message: string): OpenAiError {
  return { status, code, message, type: 'server_error' };
}
