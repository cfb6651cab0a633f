import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Pool } from 'undici';
import type { Pin } from '../certificates.ts';

/**
 * Kept-alive connections to one target, and to no other: a connection that was made to one instance is never
 * used for another, though a host may give its address to both. Deadlines of answers are the attempt's own.
 */
export function openConnections(order: {
  readonly origin: string;
  readonly connectMs: number;
  readonly keepAliveMs: number;
  /** Whom to trust there; plain addresses, of sessions without TLS, make no use of it. */
  readonly pin?: Pin;
}): Pool {
  return new Pool(order.origin, {
    connect: { timeout: order.connectMs, ...(order.pin !== undefined && pinned(order.pin)) },
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: order.keepAliveMs,
    keepAliveMaxTimeout: order.keepAliveMs + 1_000,
  });
}

function pinned({ caPem, serverName }: Pin) {
  return {
    ca: caPem,
    servername: serverName,
    // The address is not in the certificate: it was not known when that was made.
    checkServerIdentity: (_address: string, certificate: PeerCertificate) =>
      checkServerIdentity(serverName, certificate),
  };
}
