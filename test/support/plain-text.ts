/** A history as one text, its payloads decoded. */
export function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(plainText).join('\n');
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([key, inner]) => {
      const isPayload = key === 'data' && typeof inner === 'string';
      return isPayload ? Buffer.from(inner, 'base64').toString('utf8') : `${key} ${plainText(inner)}`;
    })
    .join('\n');
}
