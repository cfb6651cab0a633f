import { createServer } from 'node:net';

/**
 * A loopback port that nothing listens on, kept from this process's other containers until released.
 *
 * Taken below the kernel's range for outgoing connections: a port from that range can be used up by a
 * connection between the choice and the moment, a model's load later, when the server binds it.
 */
export async function reserveFreePort(): Promise<{ readonly port: number; release(): void }> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = RANGE.from + Math.floor(Math.random() * (RANGE.to - RANGE.from));
    if (reserved.has(port)) continue;
    reserved.add(port);
    if (await isFree(port)) return { port, release: () => void reserved.delete(port) };
    reserved.delete(port);
  }
  throw new Error(
    `No free port between ${RANGE.from} and ${RANGE.to} in ${ATTEMPTS_MAX} tries; stop other servers`,
  );
}

/** Apart from the market's own range (20,000 to 32,000): what is reserved here stays unbound while a model loads. */
const RANGE = { from: 11_000, to: 19_900 };
const ATTEMPTS_MAX = 200;
const reserved = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
