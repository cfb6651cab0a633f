import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { KnownCaller } from './admission.ts';
import { openAiBody, openAiHeaders, tooManyAtOnce } from './errors.ts';
import type { Call } from './exchange.ts';
import { requestIdOf } from './headers.ts';
import { ROUTES, type Route } from './target.ts';

export const BODY_BYTES_MAX = 32 * 1_024 * 1_024;
/** More than that of a body that is refused is not waited for: the answer ends the connection. */
export const READ_OVER_BYTES_MAX = 8 * BODY_BYTES_MAX;

export type FrontDeps = {
  readonly admits: (request: IncomingMessage) => KnownCaller;
  readonly exchange: (call: Call) => void;
  readonly concurrentMax: number;
  readonly noteAnswered: (seen: Answered) => void;
};

export type Answered = { method: string; route: string; status: number; seconds: number };

/** What the framework's own server would have been set to. */
export type ServerSettings = {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly connectionsMax: number;
};

/** How often connections are looked at whose request is overdue. */
const OVERDUE_LOOK_MS = 5_000;

/** For counts and logs alone: nobody is there to be told. */
export const CALLER_LEFT = 499;

const PATHS = new Map<string, Route>(ROUTES.map((route) => [`/v1/${route}`, route]));

/**
 * Stands before the framework and takes the requests the gateway lives on; all else is the framework's.
 *
 * 1. It takes what is plainly in order: a known caller's JSON of known length. Whatever is to be refused
 *    goes the framework's way, so that there is one place for each refusal.
 * 2. A request it did not take has not been touched.
 */
export class Front {
  readonly #deps: FrontDeps;
  #underWay = 0;
  #isClosing = false;

  constructor(deps: FrontDeps) {
    this.#deps = deps;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** The server for the framework: its own handler gets what is left over. */
  serve(handler: RequestListener, settings: ServerSettings): Server {
    const server = createServer(
      {
        headersTimeout: settings.headersTimeoutMs,
        requestTimeout: settings.requestTimeoutMs,
        keepAliveTimeout: settings.keepAliveTimeoutMs,
        connectionsCheckingInterval: OVERDUE_LOOK_MS,
      },
      (request, response) => {
        if (Number(request.headers['content-length']) > READ_OVER_BYTES_MAX) response.shouldKeepAlive = false;
        if (!this.#take(request, response)) handler(request, response);
      },
    );
    server.maxConnections = settings.connectionsMax;
    return server;
  }

  /** From now on every request goes the framework's way, which knows how to close. */
  stop(): void {
    this.#isClosing = true;
  }

  /** A request that came the framework's way, admitted and read; answers it all the same. */
  pass(order: Omit<Call, 'onEnd' | 'route' | 'search'>): void {
    const { url = '' } = order.request;
    const at = url.indexOf('?');
    const route = PATHS.get(at === -1 ? url : url.slice(0, at));
    if (route === undefined) throw new Error(`${url} is none of the gateway's`);
    if (this.#refusesMore(order.request, order.response)) return;
    const search = at === -1 ? '' : url.slice(at);
    this.#underWay += 1;
    this.#deps.exchange({
      ...order,
      route,
      search,
      onEnd: () => {
        this.#underWay -= 1;
      },
    });
  }

  #take(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'POST' || this.#isClosing) return false;
    const url = request.url ?? '';
    const at = url.indexOf('?');
    const path = at === -1 ? url : url.slice(0, at);
    const route = PATHS.get(path);
    if (route === undefined) return false;
    const length = lengthOf(request);
    if (length === null) return false;
    const key = this.#admit(request);
    if (key === undefined) return false;
    const startedMs = performance.now();
    response.on('close', () => {
      const seconds = (performance.now() - startedMs) / 1_000;
      const status = response.writableFinished ? response.statusCode : CALLER_LEFT;
      this.#deps.noteAnswered({ method: 'POST', route: path, status, seconds });
    });
    if (this.#refusesMore(request, response)) {
      request.resume();
      return true;
    }
    this.#underWay += 1;
    readBody(request, length, (bytes) => {
      if (bytes === null) {
        this.#underWay -= 1;
        return;
      }
      const search = at === -1 ? '' : url.slice(at);
      const onEnd = () => {
        this.#underWay -= 1;
      };
      this.#deps.exchange({ request, response, route, search, bytes, key, onEnd });
    });
    return true;
  }

  #admit(request: IncomingMessage): KnownCaller {
    try {
      return this.#deps.admits(request);
    } catch {
      return undefined; // Why not, the framework's way will say.
    }
  }

  #refusesMore(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#underWay < this.#deps.concurrentMax) return false;
    const error = tooManyAtOnce(this.#deps.concurrentMax);
    const body = JSON.stringify(openAiBody(error));
    const headers = [...openAiHeaders(error), 'x-request-id', requestIdOf(request)];
    response.writeHead(error.status, [...headers, 'content-length', String(body.length)]);
    response.end(body);
    return true;
  }
}

/** Of plain JSON that is not too long; null for all else. */
function lengthOf({ headers }: IncomingMessage): number | null {
  const type = headers['content-type'];
  if (type === undefined || !/^application\/json\s*(?:;|$)/i.test(type)) return null;
  if (headers['content-encoding'] !== undefined) return null;
  const length = Number(headers['content-length'] ?? Number.NaN);
  return length > 0 && length <= BODY_BYTES_MAX ? length : null;
}

/** Null when the caller went away before it was whole. */
function readBody(request: IncomingMessage, length: number, onRead: (bytes: Buffer | null) => void): void {
  const chunks: Buffer[] = [];
  let isRead = false;
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
  });
  request.on('end', () => {
    isRead = true;
    const [first] = chunks;
    onRead(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length));
  });
  request.on('close', () => {
    if (isRead) return;
    isRead = true;
    onRead(null);
  });
  request.on('error', () => undefined);
}
