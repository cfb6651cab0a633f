import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AccessTokens } from './access-tokens.ts';

type Probed = { readonly contentType: string; text(): Promise<string> };
type Place = { readonly host: string; readonly port: number };
type Tokens = Pick<AccessTokens, 'roleOf'>;

/**
 * `/metrics` and `/healthz` of a worker that runs alone, as the HTTP server has them. Metrics are for this
 * machine and for who holds the admin token. Rejects when it cannot listen.
 */
export async function serveWorkerProbes(
  metrics: Probed,
  tokens: Tokens,
  { host, port }: Place,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(metrics, tokens, request, response).catch(() => response.writeHead(500).end());
  });
  server.listen(port, host);
  await once(server, 'listening');
  const { port: listening } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listening}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  metrics: Probed,
  tokens: Tokens,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?')[0];
  if (request.method !== 'GET' || (path !== '/healthz' && path !== '/metrics')) {
    response.writeHead(404).end();
    return;
  }
  if (path === '/healthz') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
    return;
  }
  if (!isAdmitted(request, tokens)) {
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="leash"' }).end();
    return;
  }
  response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.text());
}

function isAdmitted(request: IncomingMessage, tokens: Tokens): boolean {
  if (/^(::ffff:)?127\.|^::1$/.test(request.socket.remoteAddress ?? '')) return true;
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  return given !== undefined && tokens.roleOf(given) === 'admin';
}
