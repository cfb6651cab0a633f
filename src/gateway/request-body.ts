import { badRequest } from './errors.ts';

/** The body of an inference request: its bytes, and the model it names (null: none, or `default`). */
export type InferenceBody = { readonly bytes: Buffer; readonly model: string | null };

/** Reads which model a body names. Throws a `Refusal` for what no server could answer. */
export function parseInferenceBody(bytes: unknown): InferenceBody {
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) throw badRequest('The request has no body.');
  const body = parseObject(bytes);
  if (!('model' in body) || body.model === null) return { bytes, model: null };
  if (typeof body.model !== 'string') throw badRequest('`model` must be a string.', 'model');
  return { bytes, model: body.model === 'default' || body.model === '' ? null : body.model };
}

/** The bytes as they came where they name a model, otherwise the same request with `model` put in. */
export function bytesFor(body: InferenceBody, model: string): Buffer {
  if (body.model !== null) return body.bytes;
  return Buffer.from(JSON.stringify({ ...parseObject(body.bytes, keepNumber), model }));
}

function parseObject(bytes: Buffer, revive?: Reviver): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'), revive as Parameters<typeof JSON.parse>[1]);
  } catch (error) {
    throw badRequest(`The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('The body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** Numbers stay as they were written: a 64-bit `seed` would lose its last digits on the way through a double. */
const keepNumber: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined ? rawJson(source) : value;

/** `JSON.rawJSON` of Node 22 and newer, which the type library does not know yet. */
function rawJson(source: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source);
}
