import { type CostLine, costLinesOf, type Span } from '../domain/costs.ts';
import type { MachineNote } from '../domain/machine-memory.ts';
import type { FoundOrphan } from '../domain/reaping.ts';
import type { Receipt } from '../domain/session.ts';
import type { SessionSample } from '../domain/session-sample.ts';
import { type DatabasePlace, openDatabase } from './database.ts';
import { ORPHAN_SQL, ORPHAN_TABLES, orphanIn, orphanParameters } from './orphan-rows.ts';
import {
  archivedReceiptIn,
  costParameters,
  endingParameters,
  lineIn,
  machineNoteIn,
  machineNoteParameters,
  ROWS_MAX,
  receiptIn,
  receiptParameters,
  SQL,
  TABLES,
} from './rows.ts';
import { SAMPLE_SQL, SAMPLE_TABLES, SAMPLES_AT_ONCE, sampleIn, sampleParameters } from './sample-rows.ts';

/**
 * Receipts, what instances cost and what machines did, kept when Temporal has forgotten the session. It decides
 * no money.
 *
 * 1. Nothing written is ever changed: a receipt that becomes final is a second row beside its first. Only a session
 *    that was reset after its end, and so ended again, has its earlier ending replaced, and samples are deleted when
 *    they are old.
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
  /** Keyed by session, run, instance and moment; all of them or none. */
  writeSamples(samples: readonly SessionSample[]): Promise<void>;
  /** Of one run, oldest first; more than `limit` are thinned evenly, the newest among those that stay. */
  samples(of: SamplesQuestion): Promise<SessionSample[]>;
  /** The run whose samples are the newest of a session's. */
  sampledRun(session: string): Promise<string | null>;
  /** Deletes some of those that are older, the oldest first. */
  pruneSamples(of: { readonly beforeMs: number }): Promise<void>;
  /** Keyed by instance. */
  writeOrphan(orphan: FoundOrphan): Promise<void>;
  /** How many there ever were, and the newest of them. */
  orphans(): Promise<{ readonly found: number; readonly newest: FoundOrphan[] }>;
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

export type SamplesQuestion = {
  readonly session: string;
  readonly run: string;
  readonly sinceMs: number;
  readonly limit: number;
};

export type ArchivePlace = DatabasePlace & { readonly owner: string };

/** Runs that one statement asks for. */
const RUNS_AT_ONCE = 500;

/** The archive of an installation: a file in its home, or PostgreSQL where `databaseUrl` names one. */
export function openArchive({ owner, ...place }: ArchivePlace): Archive {
  const { ask, transaction, close } = openDatabase(place, [...TABLES, ...SAMPLE_TABLES, ...ORPHAN_TABLES]);
  return {
    writeReceipt: (receipt) =>
      transaction(async (ask) => {
        const ending = endingParameters(owner, receipt);
        if ((await ask(SQL.newerEnding, ...ending)).length > 0) return;
        const replaced = await ask(SQL.deleteOlderReceipts, ...ending);
        if (replaced.length > 0) await ask(SQL.deleteCosts, ...ending.slice(0, 3));
        await ask(SQL.insertReceipt, ...receiptParameters(owner, receipt));
        for (const line of costLinesOf(receipt)) await ask(SQL.insertCost, ...costParameters(owner, line));
      }),
    findReceipt: async ({ session, run }) => {
      const rows =
        run === undefined
          ? await ask(SQL.receiptOfSession, owner, session)
          : await ask(SQL.receiptOfRun, owner, session, run);
      return receiptIn(rows[0]);
    },
    unfinished: async ({ endedAfterMs }) => {
      const rows = await ask(SQL.unfinished, owner, Math.floor(endedAfterMs));
      return rows.map(receiptIn).filter((receipt) => receipt !== null);
    },
    knownRuns: async (runs) => {
      const known = new Set<string>();
      for (let at = 0; at < runs.length; at += RUNS_AT_ONCE) {
        const asked = runs.slice(at, at + RUNS_AT_ONCE);
        for (const { run } of await ask(SQL.knownRuns(asked.length), owner, ...asked)) known.add(String(run));
      }
      return known;
    },
    costs: async ({ fromMs, toMs }) => {
      const rows = await ask(SQL.costs, owner, Math.floor(fromMs), Math.ceil(toMs));
      return { lines: rows.slice(0, ROWS_MAX).map(lineIn), isCut: rows.length > ROWS_MAX };
    },
    receipts: async ({ fromMs, toMs }) =>
      (await ask(SQL.receipts, owner, Math.floor(fromMs), Math.ceil(toMs))).map(archivedReceiptIn),
    writeMachineNotes: (notes) =>
      transaction(async (ask) => {
        for (const note of notes) await ask(SQL.insertMachineNote, ...machineNoteParameters(owner, note));
      }),
    machineNotes: async ({ sinceMs }) =>
      (await ask(SQL.machineNotes, owner, Math.floor(sinceMs))).map(machineNoteIn),
    writeSamples: (samples) =>
      transaction(async (ask) => {
        for (let at = 0; at < samples.length; at += SAMPLES_AT_ONCE) {
          const batch = samples.slice(at, at + SAMPLES_AT_ONCE);
          await ask(SAMPLE_SQL.insert(batch.length), ...batch.flatMap((one) => sampleParameters(owner, one)));
        }
      }),
    samples: async ({ session, run, sinceMs, limit }) => {
      const of = [owner, session, run, Math.floor(sinceMs)];
      const [counted] = await ask(SAMPLE_SQL.count, ...of);
      const step = Math.max(1, Math.ceil(Number(counted?.samples ?? 0) / limit));
      return (await ask(SAMPLE_SQL.thinned, ...of, step)).slice(-limit).map(sampleIn);
    },
    sampledRun: async (session) => {
      const [newest] = await ask(SAMPLE_SQL.newestRun, owner, session);
      return newest === undefined ? null : String(newest.run);
    },
    pruneSamples: async ({ beforeMs }) => {
      await transaction((ask) => ask(SAMPLE_SQL.prune, owner, owner, Math.floor(beforeMs)));
    },
    writeOrphan: async (orphan) => {
      await transaction((ask) => ask(ORPHAN_SQL.insert, ...orphanParameters(owner, orphan)));
    },
    orphans: async () => {
      const newest = await ask(ORPHAN_SQL.newest, owner);
      const [counted] = await ask(ORPHAN_SQL.count, owner);
      return { found: Number(counted?.found ?? 0), newest: newest.map(orphanIn) };
    },
    close,
  };
}
