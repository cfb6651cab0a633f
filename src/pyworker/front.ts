import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from 'pino';
import { answerBytes, answerEmpty, answerText } from './answers.ts';
import type { ResolvedConfig } from './config.ts';
import type { Metrics } from './metrics.ts';
import type { Reception } from './reception.ts';
import type { Handler } from './schema.ts';

type Answering = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export type FrontDeps = {
  readonly config: ResolvedConfig;
  readonly reception: Reception;
  /** Session routes and the update, by path; all are POST. */
  readonly ownPosts: ReadonlyMap<string, Answering>;
  /** `/health` and `/metrics`, by path; both are GET. */
  readonly ownGets: ReadonlyMap<string, Answering>;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

/** How often connections are looked at while the worker closes. */
const SWEEP_MS = 50;
/** For a request's head and body; the answer may take as long as it takes. */
const REQUEST_MS = 300_000;
const KEEP_ALIVE_MS = 75_000;
const CALLER_LEFT = 499;

/** The worker's two ports: the one for callers, and one for `POST /session/end` from the same machine. */
export class Front {
  readonly #deps: FrontDeps;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #sockets = new Set<Socket>();
  #servers: Server[] = [];
  #isClosing = false;

  constructor(deps: FrontDeps) {
    this.#deps = deps;
    this.#handlers = new Map(deps.config.handlers.map((handler) => [handler.route, handler]));
  }

  /** Rejects when it cannot listen, or has no certificate. */
  async listen(): Promise<AddressInfo> {
    const { config } = this.#deps;
    const main = this.#server((request, response) => this.#answer(request, response), config.isTls);
    await listening(main, config.workerPort, config.host);
    this.#servers = [main];
    const local = this.#server((request, response) => this.#answerLocal(request, response), false);
    await listening(local, config.localPort, '127.0.0.1');
    this.#servers.push(local);
    return main.address() as AddressInfo;
  }

  /** Takes no new request; those in hand have `withinMs`, and their connections close with them. */
  async close(withinMs: number): Promise<void> {
    this.#isClosing = true;
    const cut = setTimeout(() => {
      for (const server of this.#servers) server.closeAllConnections();
    }, withinMs);
    // A kept connection whose answer ends meanwhile is idle then; one that never sent anything, Node never calls idle.
    const sweep = setInterval(() => {
      for (const server of this.#servers) server.closeIdleConnections();
      for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
    }, SWEEP_MS);
    await Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve()))),
    );
    clearTimeout(cut);
    clearInterval(sweep);
  }

  #server(listener: RequestListener, isTls: boolean): Server {
    const settings = { requestTimeout: REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS };
    const { certificateFile, certificateKeyFile } = this.#deps.config;
    const server = isTls
      ? createTlsServer(
          { ...settings, cert: readFileSync(certificateFile), key: readFileSync(certificateKeyFile) },
          listener,
        )
      : createServer(settings, listener);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // HTTP/1.1 keeps connections without being told, and official clients are used to no such header.
    response.removeHeader('connection');
    if (this.#isClosing) {
      request.resume();
      response.shouldKeepAlive = false;
      answerEmpty(response, 503);
      return;
    }
    const path = pathOf(request.url ?? '/');
    const handler = this.#handlers.get(path);
    if (handler !== undefined) {
      this.#meter(handler.route, response);
      if (isPost(request, response))
        this.#run((...both) => this.#deps.reception.take(handler, ...both), request, response);
      return;
    }
    const post = this.#deps.ownPosts.get(path);
    if (post !== undefined) {
      if (isPost(request, response)) this.#run(post, request, response);
      return;
    }
    const get =
      request.method === 'GET' || request.method === 'HEAD' ? this.#deps.ownGets.get(path) : undefined;
    request.resume();
    if (get !== undefined) this.#run(get, request, response);
    else answerText(response, 404);
  }

  #answerLocal(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request.url ?? '/');
    const end = path === '/session/end' ? this.#deps.ownPosts.get(path) : undefined;
    if (end === undefined) {
      request.resume();
      answerText(response, 404);
    } else if (isPost(request, response)) this.#run(end, request, response);
  }

  /** Whatever goes wrong in here is ours: logged, and a 500. */
  #run(answering: Answering, request: IncomingMessage, response: ServerResponse): void {
    answering(request, response).catch((error: unknown) => {
      this.#deps.logger.error({ err: error }, 'a request could not be answered');
      if (response.headersSent) response.destroy();
      else answerEmpty(response, 500);
    });
  }

  #meter(route: string, response: ServerResponse): void {
    const beganMs = performance.now();
    response.on('close', () => {
      const status = response.writableFinished ? response.statusCode : CALLER_LEFT;
      this.#deps.metrics.note(route, status, (performance.now() - beganMs) / 1_000);
    });
  }
}

/** JSON for people and programs that look at a worker: no client of Vast.ai's compares it. */
export function answerState(response: ServerResponse, status: number, state: unknown): void {
  answerBytes(response, status, 'application/json; charset=utf-8', JSON.stringify(state));
}

function isPost(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method === 'POST') return true;
  request.resume();
  answerText(response, 405, ['allow', 'POST']);
  return false;
}

function pathOf(url: string): string {
  const at = url.indexOf('?');
  const path = at === -1 ? url : url.slice(0, at);
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
