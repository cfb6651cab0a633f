import { openAiBody } from './errors.ts';

/**
 * What a target says against a request. vLLM words an error as OpenAI does, but the framework beneath it says
 * `{"detail": "Not Found"}` of a route that its model does not have.
 */
export type Complaint =
  | { readonly kind: 'of-request'; readonly body: Buffer }
  | { readonly kind: 'no-such-route' | 'garbage' };

const MESSAGE_CHARACTERS_MAX = 2_000;

/** Reads an answer of 4xx. The caller gets it in OpenAI's shape; one that is in it already, as it came. */
export function readComplaint(status: number, body: Buffer): Complaint {
  const said = parsed(body);
  const isOfRoute = status === 404 || status === 405;
  // A page is not of an API: something else answers at that address.
  if (said === null) return isOfRoute ? { kind: 'garbage' } : { kind: 'of-request', body };
  if (typeof said.error === 'object' && said.error !== null) return { kind: 'of-request', body };
  if (isOfRoute && said.error === undefined) return { kind: 'no-such-route' };
  const message = messageIn(said);
  const error = { status, message, type: 'invalid_request_error', code: 'invalid_request' };
  return { kind: 'of-request', body: Buffer.from(JSON.stringify(openAiBody(error))) };
}

function messageIn(said: Record<string, unknown>): string {
  const told = said.error ?? said.detail ?? said.message ?? said;
  return (typeof told === 'string' ? told : JSON.stringify(told)).slice(0, MESSAGE_CHARACTERS_MAX);
}

function parsed(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
