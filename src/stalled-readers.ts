import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export type StallLimits = { readonly stallMs: number; readonly lookMs: number };

/** Longer than any line is interrupted for, and much longer than a slow one needs for a piece of an answer. */
const LIMITS: StallLimits = { stallMs: 120_000, lookMs: 5_000 };

/**
 * Ends connections whose reader has taken nothing of what waits for it for a while.
 *
 * Who asks for an answer and never reads it would otherwise keep a slot of the gateway, and the GPU's own stream
 * behind it, for as long as it stays: while a reader holds us back, no deadline of the answer runs. A connection
 * with nothing to send is not looked at, so that an answer may be as long in coming as it needs.
 */
export function endStalledReaders(server: Server, { stallMs, lookMs }: StallLimits = LIMITS): void {
  const waiting = new Map<Socket, { takenBytes: number; sinceMs: number }>();
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      waiting.delete(socket);
    });
  });
  const look = setInterval(() => {
    const nowMs = performance.now();
    for (const socket of open) {
      const takenBytes = socket.bytesWritten - socket.writableLength;
      const before = waiting.get(socket);
      if (socket.writableLength === 0) waiting.delete(socket);
      else if (before?.takenBytes !== takenBytes) waiting.set(socket, { takenBytes, sinceMs: nowMs });
      else if (nowMs - before.sinceMs >= stallMs) socket.destroy();
    }
  }, lookMs);
  look.unref();
  server.once('close', () => clearInterval(look));
}
