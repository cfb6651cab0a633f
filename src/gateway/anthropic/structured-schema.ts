import { badRequest } from '../errors.ts';

type Schema = Record<string, unknown>;

/** What structured outputs enforce; all else of JSON Schema they answer with 400. */
const ENFORCED = new Set([
  ...['type', 'properties', 'required', 'items', 'enum', 'const', 'anyOf', 'allOf', '$ref', '$defs'],
  ...['definitions', 'title', 'description', 'default', 'additionalProperties'],
]);
const FORMATS = new Set([
  ...['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'],
]);

/** A schema comes from a caller, and a stack has its end. */
const DEPTH_MAX = 100;

/**
 * A JSON schema as Anthropic's structured outputs take it: objects are closed, and a constraint that cannot be
 * enforced becomes words of the description, so that the model at least reads it.
 */
export function structuredSchema(schema: Schema, depth = 0): Schema {
  if (depth > DEPTH_MAX) throw badRequest(`A JSON schema may be ${DEPTH_MAX} levels deep here.`);
  const kept: Schema = {};
  const told: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'oneOf') kept.anyOf = each(value, depth);
    else if (isEnforced(key, value)) kept[key] = inner(key, value, depth);
    else if (!key.startsWith('$')) told.push(`${key}: ${JSON.stringify(value)}`);
  }
  if (isObjectSchema(schema)) kept.additionalProperties = false;
  if (told.length > 0)
    kept.description = [schema.description, `{${told.join(', ')}}`].filter(Boolean).join(' ');
  return kept;
}

function isEnforced(key: string, value: unknown): boolean {
  if (key === 'format') return typeof value === 'string' && FORMATS.has(value);
  if (key === 'minItems') return value === 0 || value === 1;
  return ENFORCED.has(key);
}

function inner(key: string, value: unknown, depth: number): unknown {
  switch (key) {
    case 'items':
      return one(value, depth);
    case 'anyOf':
    case 'allOf':
      return each(value, depth);
    case 'properties':
    case '$defs':
    case 'definitions':
      return isSchema(value)
        ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, one(member, depth)]))
        : value;
    default:
      return value;
  }
}

function each(value: unknown, depth: number): unknown {
  return Array.isArray(value) ? value.map((member) => one(member, depth)) : value;
}

function one(value: unknown, depth: number): unknown {
  return isSchema(value) ? structuredSchema(value, depth + 1) : value;
}

function isObjectSchema({ type, properties }: Schema): boolean {
  return type === 'object' || properties !== undefined || (Array.isArray(type) && type.includes('object'));
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
