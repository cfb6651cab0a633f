import { badRequest } from './errors.ts';
import { withModel } from './model-splice.ts';

/** The body of an inference request: its bytes, and what of it decides where it goes. */
export type InferenceBody = {
  readonly bytes: Buffer;
  readonly fields: Record<string, unknown>;
  /** Null: none, or `default`. */
  readonly model: string | null;
  readonly isStream: boolean;
};

/** Reads which model a body names. Throws a `Refusal` for what no server could answer. */
export function parseInferenceBody(bytes: unknown): InferenceBody {
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) throw badRequest('The request has no body.');
  const fields = parseObject(bytes);
  const isStream = fields.stream === true;
  const { model } = fields;
  if (model === undefined || model === null) return { bytes, fields, model: null, isStream };
  if (typeof model !== 'string') throw badRequest('`model` must be a string.', 'model');
  return { bytes, fields, model: model === 'default' || model === '' ? null : model, isStream };
}

/** The bytes as they came where they name this model, otherwise the same with `model` put in. */
export function bytesFor(body: InferenceBody, model: string): Buffer {
  return body.model === model ? body.bytes : withModel(body.bytes, model);
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw badRequest(`The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('The body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}
