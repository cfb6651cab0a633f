import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';

/** How the model is to answer one request: the member `answer` of the request's JSON, at any depth. */
export type AnswerOrder = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Sent with its length; `base64` for bytes. */
  readonly body?: string;
  readonly base64?: string;
  /** Sent chunked instead, each in a write of its own. */
  readonly chunks?: readonly string[];
  /** Waits for `release(tag)`: before the head, or before this chunk. */
  readonly hold?: 'head' | number;
  readonly tag?: string;
  /** The connection is reset: before the head, or in place of the end. */
  readonly cut?: 'head' | 'end';
  /** Written to the socket as it is, then closed. */
  readonly raw?: string;
};

/** A request as it reached the model. */
export type ModelRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly tag: string;
  /** The worker went away before the answer was whole. */
  isCancelled: boolean;
  isAnswered: boolean;
};

export type ModelServer = AsyncDisposable & {
  readonly port: number;
  /** In the order in which they came, health checks left out. */
  readonly requests: ModelRequest[];
  /** Forgets what it was sent and what it was told to let go on, so that a case can be played again. */
  forget(): void;
  /** Lets what is held under this tag go on. */
  release(tag: string): void;
  /** Waits until this many requests have come with that tag. */
  arrived(tag: string, count?: number): Promise<void>;
  readonly health: { status: number };
};

/** Stands in for a model server: it answers as each request says, and keeps what it was sent. */
export async function startModelServer(): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const gates = new Map<string, Gate>();
  const health = { status: 200 };
  const gateOf = (tag: string): Gate => {
    const known = gates.get(tag);
    if (known !== undefined) return known;
    const opened = openGate();
    gates.set(tag, opened);
    return opened;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    if (request.method === 'GET') return void response.writeHead(health.status).end();
    const order = orderIn(body);
    const seen: ModelRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      tag: order.tag ?? '',
      isCancelled: false,
      isAnswered: false,
    };
    requests.push(seen);
    response.on('close', () => {
      seen.isCancelled = !seen.isAnswered;
    });
    const gate = order.hold === undefined ? null : gateOf(seen.tag);
    if (order.hold === 'head') await gate?.opened;
    if (response.destroyed) return;
    seen.isAnswered = await write(response, order, gate);
  };
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    health,
    forget: () => {
      requests.length = 0;
      gates.clear();
    },
    release: (tag) => gateOf(tag).open(),
    arrived: async (tag, count = 1) => {
      await eventually(
        `${count} requests for ${tag} at the model`,
        () => requests.filter((each) => each.tag === tag).length >= count,
        { withinMs: 10_000, everyMs: 5 },
      );
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** True once all of it is written. */
async function write(response: ServerResponse, order: AnswerOrder, gate: Gate | null): Promise<boolean> {
  if (order.cut === 'head') {
    response.socket?.resetAndDestroy();
    return true;
  }
  if (order.raw !== undefined) {
    response.socket?.end(Buffer.from(order.raw, 'latin1'));
    return true;
  }
  const { status = 200, headers = {} } = order;
  if (order.chunks === undefined) {
    const bytes =
      order.base64 === undefined ? Buffer.from(order.body ?? '') : Buffer.from(order.base64, 'base64');
    const given = order.headers ?? { 'content-type': 'application/json' };
    response.writeHead(status, { 'content-length': String(bytes.length), ...mutable(given) });
    response.end(order.body === undefined && order.base64 === undefined && bytes.length === 0 ? '' : bytes);
    return true;
  }
  response.writeHead(status, mutable(headers));
  response.flushHeaders();
  for (const [index, chunk] of order.chunks.entries()) {
    if (order.hold === index) await gate?.opened;
    if (response.destroyed) return false;
    response.write(chunk);
    // A write of its own for each: what is written in one turn leaves as one.
    await setImmediate();
  }
  if (order.cut === 'end') response.socket?.resetAndDestroy();
  else response.end();
  return true;
}

type Gate = { readonly opened: Promise<void>; readonly open: () => void };

function openGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

const DEFAULT_ORDER: AnswerOrder = { body: '{"answer": "of the model"}' };

/** The order may lie deep: a request parser wraps what it is given, and a form carries it as text. */
function orderIn(body: Buffer): AnswerOrder {
  const text = body.toString();
  try {
    return orderWithin(JSON.parse(text)) ?? DEFAULT_ORDER;
  } catch {
    return DEFAULT_ORDER;
  }
}

function orderWithin(value: unknown): AnswerOrder | null {
  if (typeof value !== 'object' || value === null) return null;
  if ('answer' in value && typeof value.answer === 'object' && value.answer !== null) return value.answer;
  for (const member of Object.values(value)) {
    const found = orderWithin(member);
    if (found !== null) return found;
  }
  return null;
}

function mutable(
  headers: Readonly<Record<string, string | readonly string[]>>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
