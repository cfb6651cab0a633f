import { openPostgresDatabase } from './database-postgres.ts';
import { openSqliteDatabase } from './database-sqlite.ts';

/** Tables in the database of an installation, in words that both kinds of database take. */
export type Database = {
  /** What `act` returns; it sees nothing half done by others, and none of it stays when it throws. May be asked again. */
  transaction<Answer>(act: (ask: Ask) => Promise<Answer>): Promise<Answer>;
  /** Rows of one statement. Throws an `ArchiveError`, within a deadline. */
  readonly ask: Ask;
  close(): Promise<void>;
};

/** Parameters are numbered from $1, each named once and in order. */
export type Ask = (sql: string, ...parameters: Parameter[]) => Promise<Row[]>;
export type Parameter = string | number | null;
export type Row = Readonly<Record<string, unknown>>;

export type DatabasePlace = {
  /** Directory of the SQLite file, where no database is named. */
  readonly home: string;
  readonly databaseUrl?: string | undefined;
};

/** The database of the installation's archive, with `tables` made in it when they are first needed. */
export function openDatabase(place: DatabasePlace, tables: readonly string[]): Database {
  return place.databaseUrl === undefined
    ? openSqliteDatabase(place.home, tables)
    : openPostgresDatabase(place.databaseUrl, tables);
}
