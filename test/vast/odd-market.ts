import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Received = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  readonly atMs: number;
};

/** What to answer: JSON unless `text` is given. `lost`: the request is taken, and the connection broken. */
export type Reply =
  | { status?: number; json: unknown; headers?: Record<string, string> }
  | { status?: number; text: string; headers?: Record<string, string> }
  | 'lost'
  | 'silent';

export type OddMarket = {
  readonly url: string;
  readonly received: Received[];
  [Symbol.asyncDispose](): Promise<void>;
};

/** A real HTTP server that gives these answers in order, the last one again and again. */
export async function anOddMarket(
  ...replies: (Reply | ((received: Received) => Reply | Promise<Reply>))[]
): Promise<OddMarket> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const one = await read(request);
    const reply = replies[Math.min(received.length, replies.length - 1)] ?? 'silent';
    received.push(one);
    answer(response, typeof reply === 'function' ? await reply(one) : reply);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An address of this machine where nobody listens. */
export async function aDeadUrl(): Promise<string> {
  await using market = await anOddMarket();
  return market.url;
}

async function read(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const url = new URL(request.url ?? '/', 'http://market');
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body: body === '' ? undefined : JSON.parse(body),
    atMs: performance.now(),
  };
}

function answer(response: ServerResponse, reply: Reply): void {
  if (reply === 'silent') return;
  if (reply === 'lost') {
    response.destroy();
    return;
  }
  const isJson = 'json' in reply;
  response.writeHead(reply.status ?? 200, {
    'content-type': isJson ? 'application/json' : 'text/plain',
    ...reply.headers,
  });
  response.end(isJson ? JSON.stringify(reply.json) : reply.text);
}
