import { connect, createServer, type Server, type Socket } from 'node:net';

export type PortForwarder = {
  close(): Promise<void>;
};

/**
 * Passes connections on a mapped host port to the port the container listens on.
 *
 * A client is reset at once while nothing listens behind: as near to a refused connection as a port that
 * is held open can come. Rejects when the host port is taken.
 */
export async function startPortForwarder(given: {
  readonly host: string;
  readonly hostPort: number;
  readonly targetPort: number;
}): Promise<PortForwarder> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    joinSockets(client, connect({ host: '127.0.0.1', port: given.targetPort, allowHalfOpen: true }), sockets);
  });
  await listen(server, given.host, given.hostPort);
  return {
    close: async () => {
      for (const socket of sockets) socket.resetAndDestroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function joinSockets(client: Socket, upstream: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    sockets.add(socket);
    socket.setNoDelay(true);
    // Whatever happened to one side, the other learns by a reset; a clean end travels through the pipe.
    socket.on('error', () => other.resetAndDestroy());
    socket.on('close', (hadError) => {
      sockets.delete(socket);
      if (hadError || !socket.readableEnded) other.destroy();
    });
  }
  upstream.once('connect', () => {
    client.pipe(upstream);
    upstream.pipe(client);
  });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
