/**
 * What must be in no history, memo, label, log or answer. Markers are given to a stack as its secrets; what is made
 * inside it (instance keys, private keys, the secret they are derived from) is known by its shape, or registered.
 */
const SHAPES: readonly (readonly [string, RegExp])[] = [
  ['the key of an instance', /sk-leash-[A-Za-z0-9_-]{20,}/],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
];

const known = new Map<string, string>();

/** Looked for from now on. */
export function registerSecret(what: string, value: string): void {
  known.set(value, what);
}

/** What of it is in a text; names, never the secrets themselves. */
export function secretsIn(text: string): string[] {
  const found = new Set<string>();
  for (const [what, shape] of SHAPES) if (shape.test(text)) found.add(what);
  for (const [value, what] of known) if (text.includes(value)) found.add(what);
  return [...found];
}
