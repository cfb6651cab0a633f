/**
 * The smallest value that satisfies a JSON schema, for callers who asked for structured output or a tool call.
 * Keywords beyond the usual ones are ignored: the look-alike need not write well, only well-formed.
 */
export function inventSchemaValue(schema: unknown, depth = 0): unknown {
  if (!isRecord(schema) || depth > DEPTH_MAX) return null;
  if ('const' in schema) return schema.const;
  if ('default' in schema) return schema.default;
  if (Array.isArray(schema.enum)) return schema.enum[0] ?? null;
  for (const union of [schema.anyOf, schema.oneOf, schema.allOf]) {
    if (Array.isArray(union)) return inventSchemaValue(union[0], depth + 1);
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object' || isRecord(schema.properties)) return inventObject(schema, depth);
  if (type === 'array') return inventArray(schema, depth);
  if (type === 'string') return 'gpu'.padEnd(numberOf(schema.minLength, 0), '.');
  if (type === 'integer') return Math.ceil(numberOf(schema.minimum, 1));
  if (type === 'number') return numberOf(schema.minimum, 0.5);
  return type === 'boolean' ? true : null;
}

/** Schemas may refer to themselves; an answer may not. */
const DEPTH_MAX = 12;

function inventObject(schema: Record<string, unknown>, depth: number): Record<string, unknown> {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, inner]) => [name, inventSchemaValue(inner, depth + 1)]),
  );
}

function inventArray(schema: Record<string, unknown>, depth: number): unknown[] {
  const length = Math.min(numberOf(schema.minItems, 1), 16);
  return Array.from({ length }, () => inventSchemaValue(schema.items, depth + 1));
}

function numberOf(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
