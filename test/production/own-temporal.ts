import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';

/** A development server that one test may put back and lose. It comes back on the same address. */
export type OwnServer = AsyncDisposable & {
  readonly address: string;
  /** Keeps its database as it is now, taken while it is stopped; it runs on after. */
  backUp(): Promise<void>;
  /** The database of the backup in place of its own. */
  restore(): Promise<void>;
  /** Nothing in place of its own: another Temporal at the same address. */
  lose(): Promise<void>;
};

export async function aServerOfItsOwn(): Promise<OwnServer> {
  const home = mkdtempSync(join(tmpdir(), 'leash-own-temporal-'));
  const kept = mkdtempSync(join(tmpdir(), 'leash-backup-'));
  const start = (port: number): Promise<EmbeddedTemporal> =>
    startEmbeddedTemporal({ home, port, uiPort: null, namespace: 'leash-test' });
  let server = await start(0);
  const port = Number(server.address.split(':')[1]);
  const whileStopped = async (act: () => void) => {
    await server.stop();
    act();
    server = await start(port);
  };
  return {
    address: server.address,
    backUp: () => whileStopped(() => copyDatabase(home, kept)),
    restore: () =>
      whileStopped(() => {
        removeDatabase(home);
        copyDatabase(kept, home);
      }),
    lose: () => whileStopped(() => removeDatabase(home)),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      for (const folder of [home, kept]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function copyDatabase(from: string, to: string): void {
  for (const name of filesOf(from)) copyFileSync(join(from, name), join(to, name));
}

function removeDatabase(folder: string): void {
  for (const name of filesOf(folder)) rmSync(join(folder, name));
}

/** The file, and what SQLite has beside it. */
function filesOf(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('temporal.db'));
}
