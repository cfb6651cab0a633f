import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { type FakeVllm, type FakeVllmOptions, startFakeVllm } from '../../src/simulator/serving/fake-vllm.ts';

export type Listening = AsyncDisposable & { readonly endpoint: string };

/** A look-alike of vLLM that serves `tiny` to holders of `key`, and is ready. */
export async function listenVllm(
  set: Partial<FakeVllmOptions> = {},
): Promise<Listening & { readonly server: FakeVllm }> {
  const server = startFakeVllm({
    host: '127.0.0.1',
    port: 0,
    model: 'org/tiny-model',
    servedModelNames: ['tiny'],
    apiKeys: ['key'],
    ...set,
  });
  if (!(await server.ready)) throw new Error('The look-alike ended before it served.');
  const scheme = set.tls ? 'https' : 'http';
  return {
    server,
    endpoint: `${scheme}://127.0.0.1:${server.port()}`,
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Something else than vLLM that speaks HTTP. */
export async function listenHttp(answer: RequestListener): Promise<Listening> {
  const server = createServer(answer);
  return listen(server, async () => {
    server.closeAllConnections();
    await closed(server);
  });
}

/** Something that takes connections, and speaks no HTTP. */
export async function listenTcp(onConnection: (socket: Socket) => void): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  return listen(server, async () => {
    for (const socket of sockets) socket.destroy();
    await closed(server);
  });
}

/** An address where nothing listens (any more). */
export async function closedEndpoint(): Promise<string> {
  await using listening = await listenTcp(() => undefined);
  return listening.endpoint;
}

async function listen(server: Server, close: () => Promise<void>): Promise<Listening> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return { endpoint: `http://127.0.0.1:${address.port}`, [Symbol.asyncDispose]: close };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
