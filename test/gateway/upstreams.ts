import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { openAuthority } from '../../src/certificates.ts';
import type { ServingSession } from '../../src/client.ts';
import { type FakeVllm, type FakeVllmOptions, startFakeVllm } from '../../src/simulator/serving/fake-vllm.ts';
import type { HttpEdge } from '../support/http-edge.ts';

export const MODEL = 'Qwen/Qwen2.5-7B-Instruct';

type Placement = { session?: string; model?: string };

/** A look-alike of vLLM as the instance of a session that the gateway may use. */
export async function serveFakeVllm(
  edge: HttpEdge,
  { session = 'default', model = MODEL, ...options }: Placement & Partial<FakeVllmOptions> = {},
): Promise<
  AsyncDisposable & { vllm: FakeVllm; serving: ServingSession; metric(name: string): Promise<number> }
> {
  const label = labelOf(session);
  const apiKeys = [edge.installation.instanceKey(label)];
  const vllm = startFakeVllm({ host: '127.0.0.1', port: 0, model, apiKeys, tokenDelayMs: 1, ...options });
  await vllm.ready;
  const base = `http://127.0.0.1:${vllm.port()}`;
  const serving = place(edge, { session, model, endpoint: `${base}/v1` });
  return {
    vllm,
    serving,
    metric: async (name) => {
      const text = await (await fetch(`${base}/metrics`)).text();
      const rows = text
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return rows.reduce((sum, row) => sum + Number(row.split(' ').at(-1)), 0);
    },
    [Symbol.asyncDispose]: () => vllm.stop(),
  };
}

export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** An HTTP server that does exactly what a test says, as the instance of a session. */
export async function serveRaw(
  edge: HttpEdge,
  answer: (response: ServerResponse, request: IncomingMessage, count: number) => void,
  { session = 'default', model = MODEL }: Placement = {},
): Promise<AsyncDisposable & { received: Received[]; serving: ServingSession; stop(): Promise<void> }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) });
    answer(response, request, received.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const serving = place(edge, { session, model, endpoint: `http://127.0.0.1:${port}/v1` });
  return { received, serving, stop, [Symbol.asyncDispose]: stop };
}

/** A look-alike of vLLM behind the certificate made for its session, as every instance by default. */
export async function serveTlsVllm(
  edge: HttpEdge,
  { session = 'default', model = MODEL, ...options }: Placement & Partial<FakeVllmOptions> = {},
): Promise<
  AsyncDisposable & { serving: ServingSession; port: number; handshakes(): number; open(): number }
> {
  const label = labelOf(session);
  const authority = await openAuthority({ home: edge.installation.home, issues: true });
  const { certificatePem: cert, keyPem: key } = await authority.issue(label);
  const apiKeys = [edge.installation.instanceKey(label)];
  const tls = { cert, key };
  const vllm = startFakeVllm({
    host: '127.0.0.1',
    port: 0,
    model,
    apiKeys,
    tls,
    tokenDelayMs: 1,
    ...options,
  });
  await vllm.ready;
  // Connections are counted on the way in: each is one handshake.
  const counting = await countConnections(Number(vllm.port()));
  const serving = place(edge, { session, model, endpoint: `https://127.0.0.1:${counting.port}/v1` });
  return {
    serving,
    port: counting.port,
    handshakes: counting.count,
    open: counting.open,
    [Symbol.asyncDispose]: async () => {
      await counting.close();
      await vllm.stop();
    },
  };
}

/** An address as the instance of a session, whoever listens there. */
export function serveAt(
  edge: HttpEdge,
  endpoint: string,
  { session = 'default', model = MODEL }: Placement = {},
) {
  return place(edge, { session, model, endpoint });
}

async function countConnections(port: number) {
  const open = new Set<Socket>();
  let count = 0;
  const server = createTcpServer((incoming) => {
    count += 1;
    open.add(incoming);
    const outgoing = connect(port, '127.0.0.1');
    incoming.pipe(outgoing).pipe(incoming);
    outgoing.on('error', () => incoming.destroy()).on('close', () => incoming.destroy());
    incoming
      .on('error', () => outgoing.destroy())
      .on('close', () => {
        open.delete(incoming);
        outgoing.destroy();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    count: () => count,
    open: () => open.size,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A session whose instance is gone: nothing listens at its address any more. */
export async function serveNothing(edge: HttpEdge, placement: Placement = {}): Promise<ServingSession> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return place(edge, {
    session: 'default',
    model: MODEL,
    ...placement,
    endpoint: `http://127.0.0.1:${port}/v1`,
  });
}

/** Waits until `isSo`, at most five seconds. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`Waited five seconds in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const chat = (more: Record<string, unknown> = {}) => ({
  messages: [{ role: 'user', content: 'Say something.' }],
  max_tokens: 8,
  ...more,
});

function place(edge: HttpEdge, { session, model, endpoint }: Required<Placement> & { endpoint: string }) {
  const serving = {
    session,
    model,
    endpoint,
    label: labelOf(session),
    instanceId: edge.sessions.table.length + 1,
  };
  edge.sessions.table.push(serving);
  return serving;
}

export function labelOf(session: string): string {
  return `leash.aaaaaaaaaa.${session}.bbbbbbbbbb.1.x1900000000`;
}
