import { createHmac } from 'node:crypto';

/**
 * Headers by the scheme of Standard Webhooks: any of its libraries verifies them.
 *
 * The secret is base64, with `whsec_` before it or not. Without one nothing is signed.
 */
export function signedHeaders(
  message: { readonly id: string; readonly body: string; readonly atMs: number },
  secret: string | undefined,
): Record<string, string> {
  const timestamp = String(Math.floor(message.atMs / 1_000));
  const headers = { 'webhook-id': message.id, 'webhook-timestamp': timestamp };
  if (secret === undefined) return headers;
  const signature = createHmac('sha256', keyOf(secret))
    .update(`${message.id}.${timestamp}.${message.body}`)
    .digest('base64');
  return { ...headers, 'webhook-signature': `v1,${signature}` };
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
}
