const PARSED_BYTES_MAX = 16 * 1_024;

/**
 * Whether a whole answer is a JSON object. A short one is parsed, which takes microseconds; of a long one
 * only its ends are looked at.
 */
export function isJsonObject(body: Buffer): boolean {
  if (body.length > PARSED_BYTES_MAX) {
    const start = body.toString('latin1', 0, 64).trimStart();
    const end = body.toString('latin1', body.length - 64).trimEnd();
    return start.startsWith('{') && end.endsWith('}');
  }
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
