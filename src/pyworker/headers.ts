import type { IncomingHttpHeaders } from 'node:http';

/** Of one connection, and of no concern to the next (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Answers that have no body, and so no type. */
const BODILESS = new Set([204, 304]);

/** The model's headers for the caller, as `writeHead` takes them. */
export function headersBack(status: number, headers: IncomingHttpHeaders): string[] {
  const named = new Set(
    String(headers.connection ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  const kept: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || HOP_BY_HOP.has(name) || named.has(name)) continue;
    if (Array.isArray(value)) for (const one of value) kept.push(name, one);
    else kept.push(name, value);
  }
  // The official client takes an answer without a type for a failure, and asks again for ever.
  if (headers['content-type'] === undefined && !BODILESS.has(status))
    kept.push('content-type', 'application/octet-stream');
  return kept;
}
