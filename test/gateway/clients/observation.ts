/** What a package handed to its caller, as JSON. */
export type Seen = { readonly [field: string]: unknown };

/** What a model of random weights says another time. */
const RANDOM_FIELDS = new Set([
  'text',
  'completion',
  'total',
  'arguments',
  'parsed',
  'logprobs',
  'finish',
  'tools',
]);

/**
 * What two packages must agree on. A look-alike answers the same request with the same words; of a model whose words
 * are random, their form is left.
 */
export function comparable(seen: unknown, isRandom: boolean): unknown {
  if (Array.isArray(seen)) return seen.map((each) => comparable(each, isRandom));
  if (typeof seen !== 'object' || seen === null) return seen;
  return Object.fromEntries(
    Object.entries(seen).map(([field, value]) => [
      field,
      isRandom && RANDOM_FIELDS.has(field) ? formOf(value) : comparable(value, isRandom),
    ]),
  );
}

function formOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  return value === null || typeof value === 'string' ? 'text or nothing' : typeof value;
}
