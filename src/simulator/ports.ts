import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which systems take ports for outgoing connections, so that none of those is in the way. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** A host port nobody listens on and nobody here has been given. */
export async function findFreePort(host: string, taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (!taken.has(port) && (await isFree(host, port))) return port;
  }
  throw new Error(`found no free port between ${LOWEST} and ${HIGHEST}`);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
