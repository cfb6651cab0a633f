import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** One post that came, as it came. */
export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
};

/** What it does with the next post: an HTTP status, perhaps with headers and a body, or a way of failing. */
export type Behaviour =
  | number
  | 'hang'
  | 'reset'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

export type Receiver = AsyncDisposable & {
  readonly url: string;
  /** Every post, taken or not, oldest first. */
  readonly received: Received[];
  /** Those that were answered 2xx. */
  readonly taken: Received[];
  /** For the posts to come, one each; afterwards it answers 200. */
  behave(...behaviours: readonly Behaviour[]): void;
  /** For all posts until told otherwise. */
  always(behaviour: Behaviour): void;
};

/** A real HTTP server that webhooks are posted to. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const taken: Received[] = [];
  let next: Behaviour[] = [];
  let otherwise: Behaviour = 200;
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const { url = '', headers } = request;
    const post = { path: url, headers, body, atMs: Date.now() };
    received.push(post);
    const behaviour = next.shift() ?? otherwise;
    if (behaviour === 'hang') return;
    if (behaviour === 'reset') {
      request.socket.destroy();
      return;
    }
    const answer = typeof behaviour === 'number' ? { status: behaviour } : behaviour;
    if (answer.status >= 200 && answer.status < 300) taken.push(post);
    response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    taken,
    behave: (...behaviours) => {
      next = [...behaviours];
    },
    always: (behaviour) => {
      next = [];
      otherwise = behaviour;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
