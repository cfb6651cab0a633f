import { Pool, type PoolClient } from 'pg';
import { costLinesOf } from '../domain/costs.ts';
import type { Archive } from './archive.ts';
import { ArchiveError } from './archive-error.ts';
import {
  archivedReceiptIn,
  costParameters,
  endingParameters,
  lineIn,
  machineNoteIn,
  machineNoteParameters,
  type Parameter,
  ROWS_MAX,
  type Row,
  receiptIn,
  receiptParameters,
  SQL,
  TABLES,
} from './rows.ts';

const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;
const CONNECTIONS_MAX = 4;
/** Any number of ours: two processes that start together make the tables one after the other. */
const MIGRATION_LOCK = 7_355_608;

/** Connects with the first call, and again after every failure: a database that is down stops nothing at the start. */
export function openPostgresArchive({ owner, databaseUrl }: { owner: string; databaseUrl: string }): Archive {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    statement_timeout: STATEMENT_MS,
    idleTimeoutMillis: 30_000,
    application_name: 'leash',
  });
  // An idle connection that breaks is replaced by the next call; unheard, its error would end the process.
  pool.on('error', () => undefined);
  let migrated: Promise<void> | null = null;
  const ready = async (): Promise<void> => {
    migrated ??= inTransaction(pool, migrate);
    try {
      await migrated;
    } catch (error) {
      migrated = null;
      throw error;
    }
  };
  const attempt = async <Answer>(tried: string, act: () => Promise<Answer>): Promise<Answer> => {
    try {
      await ready();
      return await act();
    } catch (error) {
      throw new ArchiveError(`${tried} the archive in PostgreSQL`, error);
    }
  };
  const all = async (sql: string, ...parameters: (Parameter | readonly string[])[]): Promise<Row[]> =>
    (await pool.query<Row>(sql, parameters)).rows;
  return {
    writeReceipt: (receipt) =>
      attempt('write to', () =>
        inTransaction(pool, async (client) => {
          const ending = endingParameters(owner, receipt);
          if ((await client.query(SQL.newerEnding, ending)).rows.length > 0) return;
          const { rowCount } = await client.query(SQL.deleteOlderReceipts, ending);
          if ((rowCount ?? 0) > 0) await client.query(SQL.deleteCosts, ending.slice(0, 3));
          await client.query(SQL.insertReceipt, receiptParameters(owner, receipt));
          for (const line of costLinesOf(receipt))
            await client.query(SQL.insertCost, costParameters(owner, line));
        }),
      ),
    findReceipt: ({ session, run }) =>
      attempt('read', async () => {
        const rows =
          run === undefined
            ? await all(SQL.receiptOfSession, owner, session)
            : await all(SQL.receiptOfRun, owner, session, run);
        return receiptIn(rows[0]);
      }),
    unfinished: ({ endedAfterMs }) =>
      attempt('read', async () =>
        (await all(SQL.unfinished, owner, endedAfterMs)).map(receiptIn).filter((receipt) => receipt !== null),
      ),
    knownRuns: (runs) =>
      attempt('read', async () => {
        const rows = await all(
          'SELECT DISTINCT run FROM leash_receipts WHERE owner = $1 AND run = ANY($2)',
          owner,
          runs,
        );
        return new Set(rows.map(({ run }) => String(run)));
      }),
    costs: ({ fromMs, toMs }) =>
      attempt('read', async () => {
        const rows = await all(SQL.costs, owner, Math.floor(fromMs), Math.ceil(toMs));
        return { lines: rows.slice(0, ROWS_MAX).map(lineIn), isCut: rows.length > ROWS_MAX };
      }),
    receipts: ({ fromMs, toMs }) =>
      attempt('read', async () =>
        (await all(SQL.receipts, owner, Math.floor(fromMs), Math.ceil(toMs))).map(archivedReceiptIn),
      ),
    writeMachineNotes: (notes) =>
      attempt('write to', () =>
        inTransaction(pool, async (client) => {
          for (const note of notes)
            await client.query(SQL.insertMachineNote, machineNoteParameters(owner, note));
        }),
      ),
    machineNotes: ({ sinceMs }) =>
      attempt('read', async () =>
        (await all(SQL.machineNotes, owner, Math.floor(sinceMs))).map(machineNoteIn),
      ),
    close: () => pool.end(),
  };
}

async function migrate(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
  for (const table of TABLES) await client.query(table);
}

async function inTransaction(pool: Pool, act: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    await act(client);
    await client.query('COMMIT');
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    // A connection whose transaction failed is thrown away: whether it was rolled back need not be asked.
    client.release(broken);
  }
}
