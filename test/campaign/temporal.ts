import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';

/** What is killed with SIGKILL of the part that must not lose anything. */
export type TemporalProgram = 'temporal' | 'postgres';

/** A stack's Temporal: where it is, and how its programs die and come back. */
export type TemporalOfStack = {
  readonly address: string;
  readonly namespace: string;
  /** Where the archive lies; null: in the home. */
  readonly databaseUrl: string | null;
  /** Written by its programs, under the stack's home. */
  readonly logFiles: readonly string[];
  /** SIGKILL, and started again on the same data; here when it serves. */
  kill(what: TemporalProgram): Promise<void>;
  stop(): Promise<void>;
};

const NAMESPACE = 'leash-campaign';
const STARTS_MAX = 5;

/** Temporal's development server with its SQLite file: what `npm start` runs. */
export async function startDevelopmentTemporal(home: string): Promise<TemporalOfStack> {
  const start = (port: number): Promise<EmbeddedTemporal> =>
    startEmbeddedTemporal({ home: join(home, 'temporal'), port, uiPort: null, namespace: NAMESPACE });
  let server = await start(0);
  const { address } = server;
  const port = Number(address.split(':')[1]);
  return {
    address,
    namespace: NAMESPACE,
    databaseUrl: null,
    logFiles: ['temporal/temporal.log'],
    kill: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.stop();
      server = await again(() => start(port));
    },
    stop: () => server.stop(),
  };
}

/** A port or a file of the one that was killed may be in use for a moment more. */
export async function again<Started>(start: () => Promise<Started>): Promise<Started> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries >= STARTS_MAX) throw error;
      await pause(1_000);
    }
  }
}
