import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';
import { databaseFile } from '../../src/temporal/home-claim.ts';

/** A development server that one test may put back and lose. It comes back on the same address. */
export type OwnServer = AsyncDisposable & {
  readonly address: string;
  /** Keeps its database as it is now, taken while it is stopped; it runs on after. */
  backUp(): Promise<void>;
  /**
   * The database of the backup in place of its own. Its lists are of a moment later than its histories, as where the
   * two lie in databases that were not dumped in one: they name runs that it does not have.
   */
  restore(): Promise<void>;
  /** Nothing in place of its own: another Temporal at the same address. */
  lose(): Promise<void>;
};

export async function aServerOfItsOwn(): Promise<OwnServer> {
  const home = mkdtempSync(join(tmpdir(), 'leash-own-temporal-'));
  const kept = mkdtempSync(join(tmpdir(), 'leash-backup-'));
  const lost = join(kept, 'lost');
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
        mkdirSync(lost);
        copyDatabase(home, lost);
        removeDatabase(home);
        copyDatabase(kept, home);
        keepListed(databaseFile(home), databaseFile(lost));
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

/** What only `lost` lists is listed again. */
function keepListed(file: string, lost: string): void {
  const database = new DatabaseSync(file);
  try {
    const columns = database
      .prepare("SELECT name FROM pragma_table_xinfo('executions_visibility') WHERE hidden = 0")
      .all()
      .map(({ name }) => `"${name}"`)
      .join(', ');
    database.exec(`ATTACH '${lost}' AS lost`);
    const { changes } = database
      .prepare(
        `INSERT OR IGNORE INTO main.executions_visibility (${columns}) SELECT ${columns} FROM lost.executions_visibility`,
      )
      .run();
    if (Number(changes) === 0) throw new Error('The lost database lists nothing that the backup does not.');
  } finally {
    database.close();
  }
}

/** The file, and what SQLite has beside it. */
function filesOf(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('temporal.db'));
}
