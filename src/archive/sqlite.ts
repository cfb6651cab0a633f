import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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

/** How long a call waits for another process that is writing. */
const BUSY_MS = 5_000;

/** `<home>/archive.db`: worker and HTTP server may have it open at the same time, each in its own process. */
export function openSqliteArchive({ owner, home }: { owner: string; home: string }): Archive {
  const file = join(home, 'archive.db');
  const database = open(file, home);
  const attempt = async <Answer>(tried: string, act: () => Answer): Promise<Answer> => {
    try {
      return act();
    } catch (error) {
      throw new ArchiveError(`${tried} the archive ${file}`, error);
    }
  };
  const all = (sql: string, ...parameters: Parameter[]): Row[] =>
    database.prepare(anonymous(sql)).all(...parameters);
  /** How many rows it changed. */
  const write = (sql: string, parameters: Parameter[]): number =>
    Number(database.prepare(anonymous(sql)).run(...parameters).changes);
  return {
    writeReceipt: (receipt) =>
      attempt('write to', () => {
        inTransaction(database, () => {
          const ending = endingParameters(owner, receipt);
          if (all(SQL.newerEnding, ...ending).length > 0) return;
          if (write(SQL.deleteOlderReceipts, ending) > 0) write(SQL.deleteCosts, ending.slice(0, 3));
          write(SQL.insertReceipt, receiptParameters(owner, receipt));
          for (const line of costLinesOf(receipt)) write(SQL.insertCost, costParameters(owner, line));
        });
      }),
    findReceipt: ({ session, run }) =>
      attempt('read', () => {
        const rows =
          run === undefined
            ? all(SQL.receiptOfSession, owner, session)
            : all(SQL.receiptOfRun, owner, session, run);
        return receiptIn(rows[0]);
      }),
    unfinished: ({ endedAfterMs }) =>
      attempt('read', () =>
        all(SQL.unfinished, owner, endedAfterMs)
          .map(receiptIn)
          .filter((receipt) => receipt !== null),
      ),
    knownRuns: (runs) =>
      attempt('read', () => new Set(runs.filter((run) => all(SQL.knownRun, owner, run).length > 0))),
    costs: ({ fromMs, toMs }) =>
      attempt('read', () => {
        const rows = all(SQL.costs, owner, fromMs, toMs);
        return { lines: rows.slice(0, ROWS_MAX).map(lineIn), isCut: rows.length > ROWS_MAX };
      }),
    receipts: ({ fromMs, toMs }) =>
      attempt('read', () => all(SQL.receipts, owner, fromMs, toMs).map(archivedReceiptIn)),
    writeMachineNotes: (notes) =>
      attempt('write to', () => {
        inTransaction(database, () => {
          for (const note of notes) write(SQL.insertMachineNote, machineNoteParameters(owner, note));
        });
      }),
    machineNotes: ({ sinceMs }) =>
      attempt('read', () => all(SQL.machineNotes, owner, Math.floor(sinceMs)).map(machineNoteIn)),
    close: async () => database.close(),
  };
}

function open(file: string, home: string): DatabaseSync {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(file, { timeout: BUSY_MS });
    chmodSync(file, 0o600);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    for (const table of TABLES) database.exec(table);
    return database;
  } catch (error) {
    throw new ArchiveError(`open the archive ${file}`, error);
  }
}

function inTransaction(database: DatabaseSync, act: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    act();
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

/** Every statement names its parameters once and in order, so SQLite needs no numbers. */
function anonymous(sql: string): string {
  return sql.replace(/\$\d+/g, '?');
}
