import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export type TlsPems = {
  readonly key: string;
  readonly cert: string;
  /** Authority of client certificates, when they are demanded. */
  readonly clientCa?: string;
};

/** A port that opens and closes more than once, and is the same port each time. */
export class Listener {
  readonly #host: string;
  readonly #tls: TlsPems | null;
  #wanted: number | null;
  #server: Server | null = null;
  #opening: Promise<void> = Promise.resolve();

  constructor({ host, port, tls }: { host: string; port: number | null; tls: TlsPems | null }) {
    this.#host = host;
    this.#wanted = port;
    this.#tls = tls;
  }

  port(): number | null {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    return address?.port ?? null;
  }

  /** Rejects when the port cannot be had. Without a port to open there is nothing to do. */
  async open(answer: RequestListener): Promise<void> {
    if (this.#wanted === null) return;
    const server = this.#createServer(answer);
    this.#server = server;
    this.#opening = listen(server, this.#wanted, this.#host);
    try {
      await this.#opening;
    } catch (error) {
      this.#server = null;
      throw error;
    }
    this.#wanted = this.port() ?? this.#wanted;
  }

  /** Stops listening; open connections have `graceMs` to finish, then they are reset. */
  async close(graceMs: number): Promise<void> {
    // A server that is closed before it listens would go on to listen.
    await this.#opening.catch(() => {});
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    if (graceMs <= 0) {
      server.closeAllConnections();
      return closed;
    }
    // A connection whose answer ends now stays open for its client's next request, which must not come.
    const sweep = setInterval(() => server.closeIdleConnections(), 20);
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(deadline);
  }

  #createServer(answer: RequestListener): Server {
    // uvicorn drops an idle connection after five seconds; clients must survive that.
    const settings = { keepAliveTimeout: 5_000, connectionsCheckingInterval: 60_000 };
    if (this.#tls === null) return createServer(settings, answer);
    const { key, cert, clientCa } = this.#tls;
    const clients =
      clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
    return createTlsServer({ ...settings, key, cert, ...clients }, answer);
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
