import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { ArchiveError } from './archive-error.ts';
import type { Ask, Database, Row } from './database.ts';

/** In the thread that answers requests: longer waits for another process that is writing are not slept through. */
const BUSY_MS = 20;
const PAUSE_MS = 15;
const DEADLINE_MS = 5_000;
/** What stands in line behind a writer that does not let go is not to grow for ever. */
const WAITING_MAX = 1_000;

/** `<home>/archive.db`, which other processes may have open too. */
export function openSqliteDatabase(home: string, tables: readonly string[]): Database {
  const file = join(home, 'archive.db');
  const database = open(file, home, tables);
  const ask: Ask = async (sql, ...parameters) => database.prepare(anonymous(sql)).all(...parameters) as Row[];
  const inTurn = oneAtATime();
  const attempt = <Answer>(tried: string, act: () => Promise<Answer>): Promise<Answer> =>
    inTurn(() => untilFree(act)).catch((error: unknown) => {
      throw new ArchiveError(`${tried} the archive ${file}`, error);
    });
  return {
    ask: (sql, ...parameters) => attempt('read', () => ask(sql, ...parameters)),
    transaction: (act) =>
      attempt('write to', async () => {
        database.exec('BEGIN IMMEDIATE');
        try {
          const answer = await act(ask);
          database.exec('COMMIT');
          return answer;
        } catch (error) {
          database.exec('ROLLBACK');
          throw error;
        }
      }),
    close: () => inTurn(async () => database.close()),
  };
}

function open(file: string, home: string, tables: readonly string[]): DatabaseSync {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(file, { timeout: DEADLINE_MS });
    chmodSync(file, 0o600);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    for (const table of tables) database.exec(table);
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    return database;
  } catch (error) {
    throw new ArchiveError(`open the archive ${file}`, error);
  }
}

/** There is one connection: a statement between those of another's transaction would be part of it. */
function oneAtATime(): <Answer>(act: () => Promise<Answer>) => Promise<Answer> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return (act) => {
    if (waiting >= WAITING_MAX) return Promise.reject(new Error('too many calls wait for it'));
    waiting += 1;
    const mine = last.then(act).finally(() => {
      waiting -= 1;
    });
    last = mine.catch(() => undefined);
    return mine;
  };
}

async function untilFree<Answer>(act: () => Promise<Answer>): Promise<Answer> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadlineMs) throw error;
      await pause(PAUSE_MS);
    }
  }
}

/** SQLITE_BUSY and its extended codes. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

/** Every statement names its parameters once and in order, so SQLite needs no numbers. */
function anonymous(sql: string): string {
  return sql.replace(/\$\d+/g, '?');
}
