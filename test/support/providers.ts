import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a provider of a test does with a request. */
export type Behaviour = (response: ServerResponse, seen: Seen) => void;

export type Seen = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly model?: string; readonly stream?: boolean } & Record<string, unknown>;
  readonly request: IncomingMessage;
};

export type TestProvider = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  readonly seen: Seen[];
  /** From the next request on. */
  behave(behaviour: Behaviour): void;
  /** Its process is gone: connections break, and new ones are refused. */
  die(): Promise<void>;
};

/** A real HTTP server that answers as an OpenAI-compatible provider, or in whatever way a test says. */
export async function startProvider(name: string, first: Behaviour = answers(name)): Promise<TestProvider> {
  let behaviour = first;
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const one = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? {} : JSON.parse(text),
      request,
    };
    seen.push(one);
    behaviour(response, one);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const die = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    behave: (next) => {
      behaviour = next;
    },
    die,
    [Symbol.asyncDispose]: die,
  };
}

/** Answers as it should, whole or streamed; its name is in what it says. */
export function answers(name: string): Behaviour {
  return (response, { body }) => {
    if (body.stream !== true) return void endJson(response, 200, completion(name));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const word of [name, ' says', ' hello']) response.write(eventOf({ content: word }));
    response.end('data: [DONE]\n\n');
  };
}

export function completion(name: string) {
  return {
    id: `chatcmpl-${name}`,
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      { index: 0, message: { role: 'assistant', content: `${name} says hello` }, finish_reason: 'stop' },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
  };
}

export function eventOf(delta: Record<string, unknown>): string {
  return `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta }] })}\n\n`;
}

export function endJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

const error = (message: string) => ({ error: { message, type: 'server_error', param: null, code: null } });

/** Every way a provider fails before it has said anything. */
export const FAILURES: Readonly<Record<string, Behaviour>> = {
  'breaks off': (_response, { request }) => request.socket.destroy(),
  hangs: () => undefined,
  'answers 500': (response) => endJson(response, 500, error('out of memory')),
  'answers 502 with a page': (response) =>
    void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>'),
  'answers 503': (response) => endJson(response, 503, error('starting')),
  'answers 408': (response) => endJson(response, 408, error('too slow')),
  'answers 429': (response) => endJson(response, 429, error('too many'), { 'retry-after': '30' }),
  'refuses our key with 401': (response) => endJson(response, 401, error('who are you')),
  'refuses our key with 403': (response) => endJson(response, 403, error('not you')),
  'answers 200 with a page': (response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>'),
  'answers 200 with garbage': (response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{{{{'),
  'answers 200 with half a body': (response, { body }) => {
    response.writeHead(200, {
      'content-type': body.stream === true ? 'text/event-stream' : 'application/json',
    });
    response.write(body.stream === true ? 'data: {"choi' : '{"choices":[', () => response.destroy());
  },
  'answers 200 with nothing': (response, { body }) =>
    void response
      .writeHead(200, { 'content-type': body.stream === true ? 'text/event-stream' : 'application/json' })
      .end(),
  'begins with an error event': (response, { body }) => {
    if (body.stream !== true) return void endJson(response, 500, error('out of memory'));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`data: ${JSON.stringify(error('out of memory'))}\n\ndata: [DONE]\n\n`);
  },
  'streams garbage': (response, { body }) => {
    response.writeHead(200, {
      'content-type': body.stream === true ? 'text/event-stream' : 'application/json',
    });
    response.end('data: not json\n\n');
  },
  'sends on to nowhere': (response) =>
    void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
};
