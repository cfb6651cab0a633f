import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority } from '../../src/certificates.ts';

/** Who sits at an instance's address and is not the instance: all that was said to them is kept. */
export type Impostor = AsyncDisposable & {
  /** Without a scheme: `127.0.0.1:PORT`. */
  readonly address: string;
  /** Request lines with their headers, of every request that came through. */
  readonly heard: readonly string[];
  /** Connections that were opened, whatever came of them. */
  readonly connections: () => number;
};

export const IMPOSTORS = [
  'plain HTTP',
  'another authority',
  'another instance',
  'an expired certificate',
] as const;

/** Answers as a serving vLLM would, with what it has: `home` and `label` are those of the instance it plays. */
export async function startImpostor(
  kind: (typeof IMPOSTORS)[number],
  { home, label }: { home: string; label: string },
): Promise<Impostor> {
  const heard: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    heard.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ data: [{ id: 'tiny' }] }));
  };
  const tls = await certificateOf(kind, { home, label });
  const server = tls === null ? createPlainServer(answer) : createTlsServer(tls, answer);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function certificateOf(
  kind: (typeof IMPOSTORS)[number],
  { home, label }: { home: string; label: string },
): Promise<{ cert: string; key: string } | null> {
  if (kind === 'plain HTTP') return null;
  if (kind === 'another authority') {
    const strange = mkdtempSync(join(tmpdir(), 'leash-strange-'));
    try {
      return await issued({ home: strange, label });
    } finally {
      rmSync(strange, { recursive: true });
    }
  }
  if (kind === 'another instance') return issued({ home, label: label.replace(/\.\d+\.x/, '.999.x') });
  // Holds to the end of its label, which must be in the past.
  return issued({ home, label, nowMs: Date.now() - 30 * 86_400_000 });
}

async function issued(of: {
  home: string;
  label: string;
  nowMs?: number;
}): Promise<{ cert: string; key: string }> {
  const { label, ...place } = of;
  const authority = await openAuthority({ ...place, issues: true });
  const { certificatePem: cert, keyPem: key } = await authority.issue(label);
  return { cert, key };
}
