const REDACTED = '[redacted]';

/** What keys look like, whoever's: Hugging Face's, OpenAI's style (vLLM's of ours too), Vast's and its containers'. */
const KEY_SHAPES = [
  /\bhf_[A-Za-z0-9]{16,}/g,
  /\bsk-[A-Za-z0-9_-]{12,}/g,
  /\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{64}\b/g,
  /(?<=\bbearer\s+)[^\s'"]{8,}/gi,
  /(?<=\b(?:[a-z0-9]+[_-])*(?:api[_-]?key|token|password|secret)['"]?\s*[=:]\s*\[?['"]?)[^\s'",\]]{8,}/gi,
  /(?<=--(?:api-key|hf-token)[ =]['"]?)[^\s'"]{4,}/gi,
];
const KNOWN_LENGTH_MIN = 6;

/** `text` without `known` secrets and without whatever has the shape of a key. */
export function redactSecrets(text: string, known: readonly (string | undefined)[] = []): string {
  const withoutKnown = known
    .filter((secret) => secret !== undefined && secret.length >= KNOWN_LENGTH_MIN)
    .reduce<string>((rest, secret) => rest.replaceAll(secret ?? '', REDACTED), text);
  return KEY_SHAPES.reduce((rest, shape) => rest.replaceAll(shape, REDACTED), withoutKnown);
}
