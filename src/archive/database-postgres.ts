import { Pool, type PoolClient } from 'pg';
import { ArchiveError } from './archive-error.ts';
import type { Ask, Database, Row } from './database.ts';

const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;
const CONNECTIONS_MAX = 4;
/** The archive's own: two processes that start together make the tables one after the other. */
const MIGRATION_LOCK = 7_355_608;

/** Connects with the first call, and again after every failure: a database that is down stops nothing at the start. */
export function openPostgresDatabase(databaseUrl: string, tables: readonly string[]): Database {
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
    migrated ??= inTransaction(pool, (ask) => migrate(ask, tables));
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
  return {
    ask: (sql, ...parameters) => attempt('read', async () => (await pool.query<Row>(sql, parameters)).rows),
    transaction: (act) => attempt('write to', () => inTransaction(pool, act)),
    close: () => pool.end(),
  };
}

async function migrate(ask: Ask, tables: readonly string[]): Promise<void> {
  await ask('SELECT pg_advisory_xact_lock($1)', MIGRATION_LOCK);
  for (const table of tables) await ask(table);
}

async function inTransaction<Answer>(pool: Pool, act: (ask: Ask) => Promise<Answer>): Promise<Answer> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const answer = await act(askWith(client));
    await client.query('COMMIT');
    return answer;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    // A connection whose transaction failed is thrown away: whether it was rolled back need not be asked.
    client.release(broken);
  }
}

function askWith(client: PoolClient): Ask {
  return async (sql, ...parameters) => (await client.query<Row>(sql, parameters)).rows;
}
