import type { OpenAiError } from '../errors.ts';
import { isRecord } from './parts.ts';

export type AnthropicError = {
  readonly error: OpenAiError;
  /** `provider`: another provider may well answer the same request. */
  readonly whose: 'caller' | 'provider';
  readonly retryAfterSeconds?: number;
};

type Headers = Record<string, string | string[] | undefined>;

/** What an answer other than 200 means to a caller of OpenAI's API. Our key's faults are not the caller's. */
export function anthropicError(status: number, body: string, headers: Headers = {}): AnthropicError {
  const { type, message } = told(body);
  const wait = retryAfter(headers['retry-after']);
  const found = meaningOf(type ?? TYPE_OF[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error'), {
    message,
    wasJson: type !== null,
  });
  if (wait === null) return found;
  return { ...found, error: { ...found.error, retryAfterSeconds: wait }, retryAfterSeconds: wait };
}

/** The same for an `error` event within a stream, whose status is gone already. */
export function streamedError(event: Record<string, unknown>): AnthropicError {
  return anthropicError(500, JSON.stringify(event));
}

const TYPE_OF: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

function meaningOf(
  type: string,
  { message, wasJson }: { message: string; wasJson: boolean },
): AnthropicError {
  switch (type) {
    case 'invalid_request_error':
      return invalidRequest(message, wasJson);
    case 'request_too_large':
      return ofCaller(413, 'request_too_large', 'The request is larger than Anthropic takes.');
    case 'authentication_error':
      return ofProvider(502, 'upstream_unauthorized', 'Anthropic refused our key.');
    case 'permission_error':
      return ofProvider(502, 'upstream_forbidden', 'Our key at Anthropic may not do this.');
    case 'billing_error':
      return ofProvider(502, 'upstream_billing', 'Anthropic refused: our account there cannot pay.');
    case 'not_found_error':
      return ofProvider(404, 'model_not_found', 'Anthropic does not know this model.');
    case 'rate_limit_error':
      return ofProvider(429, 'rate_limit_exceeded', 'Our rate limit at Anthropic is reached.');
    case 'overloaded_error':
      return ofProvider(503, 'upstream_overloaded', 'Anthropic is overloaded.');
    case 'timeout_error':
      return ofProvider(504, 'upstream_timeout', 'Anthropic did not answer in time.');
    default:
      return ofProvider(502, 'upstream_error', 'Anthropic failed inside.');
  }
}

/** An empty account and a spent limit come as 400 too. */
const OF_ACCOUNT = /credit balance|api usage limits?/i;
const TOO_LONG = /prompt is too long|exceeds? (?:the )?(?:context|model)|context (?:window|limit)/i;

function invalidRequest(message: string, wasJson: boolean): AnthropicError {
  if (!wasJson)
    return ofProvider(502, 'upstream_garbled', 'Anthropic answered with something that is no answer.');
  if (OF_ACCOUNT.test(message)) {
    return ofProvider(502, 'upstream_billing', 'Anthropic refused: our account there cannot pay.');
  }
  const code = TOO_LONG.test(message) ? 'context_length_exceeded' : 'invalid_request';
  return ofCaller(400, code, `Anthropic refused the request: ${withoutSecrets(message)}`);
}

function ofCaller(status: number, code: string, message: string): AnthropicError {
  return { whose: 'caller', error: { status, code, message, type: 'invalid_request_error' } };
}

function ofProvider(status: number, code: string, message: string): AnthropicError {
  return { whose: 'provider', error: { status, code, message, type: TYPES[status] ?? 'server_error' } };
}

const TYPES: Record<number, string> = { 404: 'invalid_request_error', 429: 'rate_limit_error' };

const MESSAGE_CHARACTERS_MAX = 500;

/** A key is of some forty letters and digits after its prefix; what looks like one is not passed on. */
function withoutSecrets(message: string): string {
  return message.slice(0, MESSAGE_CHARACTERS_MAX).replace(/sk-[\w-]+|\b[\w-]{40,}\b/g, '[redacted]');
}

function told(body: string): { type: string | null; message: string } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { type: null, message: '' };
  }
  const error = isRecord(value) ? value.error : undefined;
  if (!isRecord(error) || typeof error.type !== 'string') return { type: null, message: '' };
  return { type: error.type, message: typeof error.message === 'string' ? error.message : '' };
}

function retryAfter(header: string | string[] | undefined): number | null {
  if (typeof header !== 'string') return null;
  if (/^\d+(?:\.\d+)?$/.test(header)) return Number(header);
  // The date of RFC 9110; `Date.parse` alone makes one of nearly anything.
  const at = /^[A-Z][a-z]{2}, \d{2} /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1_000);
}
