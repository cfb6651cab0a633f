import { BodyUnreadable, textOf } from './body.ts';
import type { Payload } from './types.ts';

/** What the engine gave the client, as the client sends it on. The signature is of the url alone. */
export type AuthData = {
  readonly cost: unknown;
  readonly endpoint: unknown;
  readonly reqnum: unknown;
  readonly request_idx: unknown;
  readonly signature: unknown;
  readonly url: unknown;
  readonly [more: string]: unknown;
};

/** A request of a client of Vast.ai's: `{auth_data, session_id?, payload}`. */
export type Wrapped = {
  readonly authData: AuthData;
  readonly sessionId: string | null;
  readonly payload: Payload;
  /** The payload's own bytes, where they can be sent on as they came. */
  readonly payloadBytes: Buffer | null;
};

const AUTH_FIELDS = ['cost', 'endpoint', 'reqnum', 'request_idx', 'signature', 'url'] as const;

/** `problem`: the body of a 422, worded as the official worker does. */
export type Unwrapped = { readonly wrapped: Wrapped } | { readonly problem: unknown };

export function unwrap(bytes: Buffer, contentType: string | undefined): Unwrapped {
  const read = readJson(bytes, contentType);
  if (read === null) return { problem: { error: 'invalid JSON' } };
  const body = isRecord(read.value) ? read.value : {};
  const problems: Record<string, unknown> = {
    ...authProblem(body),
    ...(body.payload === undefined
      ? { payload: 'field missing' }
      : isRecord(body.payload)
        ? {}
        : { payload: { data: 'payload must be a dictionary' } }),
  };
  if (Object.keys(problems).length > 0) return { problem: problems };
  return {
    wrapped: {
      authData: body.auth_data as AuthData,
      sessionId: body.session_id == null ? null : String(body.session_id),
      payload: body.payload as Payload,
      payloadBytes: read.isUtf8 ? memberBytes(bytes, 'payload') : null,
    },
  };
}

function authProblem(body: Record<string, unknown>): Record<string, unknown> {
  if (body.auth_data == null) return { auth_data: 'field missing' };
  const given = isRecord(body.auth_data) ? body.auth_data : {};
  const missing = AUTH_FIELDS.filter((field) => !(field in given));
  if (missing.length === 0) return {};
  return { auth_data: Object.fromEntries(missing.map((field) => [field, 'missing parameter'])) };
}

/** Null for what is no JSON. */
export function readJson(
  bytes: Buffer,
  contentType: string | undefined,
): { readonly value: unknown; readonly isUtf8: boolean } | null {
  try {
    const { text, isUtf8 } = textOf(bytes, contentType);
    return { value: JSON.parse(text), isUtf8 };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof BodyUnreadable) return null;
    throw error;
  }
}

const [QUOTE, BACKSLASH, OPEN, CLOSE, LIST, LIST_END, COLON, COMMA] = [...Buffer.from('"\\{}[]:,')];

/**
 * The bytes of a member of the outermost object; of the last, where it is there twice, as `JSON.parse` has it. Null
 * where it is not written plainly. `json` has been parsed: only its shape is looked at here.
 */
export function memberBytes(json: Buffer, name: string): Buffer | null {
  let depth = 0;
  let from = -1;
  let found: Buffer | null = null;
  let key = '';
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) {
      const end = endOfText(json, at);
      if (depth === 1 && from === -1) key = json.toString('latin1', at + 1, end);
      at = end;
    } else if (byte === OPEN || byte === LIST) depth += 1;
    else if (byte === COLON && depth === 1) {
      // An escape may hide any name: then nothing is known for sure.
      if (key.includes('\\')) return null;
      from = at + 1;
    } else if (byte === COMMA && depth === 1) {
      if (key === name) found = json.subarray(from, at);
      from = -1;
    } else if (byte === CLOSE || byte === LIST_END) {
      depth -= 1;
      if (depth === 0 && key === name && from !== -1) found = json.subarray(from, at);
    }
  }
  return found;
}

function endOfText(json: Buffer, from: number): number {
  let at = from + 1;
  while (json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}

export function isRecord(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}
