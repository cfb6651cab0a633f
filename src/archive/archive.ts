import type { CostLine, Span } from '../domain/costs.ts';
import type { MachineNote } from '../domain/machine-memory.ts';
import type { Receipt } from '../domain/session.ts';
import { openPostgresArchive } from './postgres.ts';
import { openSqliteArchive } from './sqlite.ts';

/**
 * Receipts, what instances cost and what machines did, kept when Temporal has forgotten the session. It decides
 * no money.
 *
 * 1. Nothing written is ever changed: a receipt that becomes final is a second row beside its first. Only a session
 *    that was reset after its end, and so ended again, has its earlier ending replaced.
 * 2. Every write may be repeated: the first of its key stays.
 * 3. Every read is bounded, and every call has a deadline; a failure is thrown as an `ArchiveError`.
 */
export type Archive = {
  /** Keyed by session and run, once not final and once final; the cost lines of its instances go with it. */
  writeReceipt(receipt: Receipt): Promise<void>;
  /** The final one where there is one; of the newest run when none is named. */
  findReceipt(of: { readonly session: string; readonly run?: string }): Promise<Receipt | null>;
  /** Receipts that have no final version, oldest first, of sessions that ended after `endedAfterMs`. */
  unfinished(after: { readonly endedAfterMs: number }): Promise<Receipt[]>;
  /** Which of these runs have a receipt. */
  knownRuns(runs: readonly string[]): Promise<ReadonlySet<string>>;
  /** What instances cost that existed within the span, whole; `isCut` where there were more than one answer holds. */
  costs(span: Span): Promise<ArchivedCosts>;
  /** Receipts of sessions that ended in the span; at most as many as one answer holds, newest first. */
  receipts(span: Span): Promise<ArchivedReceipt[]>;
  /** Keyed by machine, label and kind. */
  writeMachineNotes(notes: readonly MachineNote[]): Promise<void>;
  /** Newest first, at most as many as one answer holds. */
  machineNotes(of: { readonly sinceMs: number }): Promise<MachineNote[]>;
  close(): Promise<void>;
};

export type ArchivedCosts = { readonly lines: CostLine[]; readonly isCut: boolean };

/** A receipt's sums, without its instances. */
export type ArchivedReceipt = {
  readonly session: string;
  readonly run: string;
  readonly endedAtMs: number;
  readonly isFinal: boolean;
  readonly usd: number;
  readonly forecastUsd: number | null;
};

export type ArchivePlace = {
  readonly owner: string;
  /** Directory of the SQLite file, where no database is named. */
  readonly home: string;
  readonly databaseUrl?: string | undefined;
};

/** The archive of an installation: a file in its home, or PostgreSQL where `databaseUrl` names one. */
export function openArchive(place: ArchivePlace): Archive {
  return place.databaseUrl === undefined
    ? openSqliteArchive(place)
    : openPostgresArchive({ owner: place.owner, databaseUrl: place.databaseUrl });
}
