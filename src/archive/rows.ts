import type { CostLine } from '../domain/costs.ts';
import type { MachineNote } from '../domain/machine-memory.ts';
import type { Receipt } from '../domain/session.ts';
import type { ArchivedReceipt } from './archive.ts';
import type { Parameter, Row } from './database.ts';

/** The tables, in words that both databases take. Times are epoch milliseconds, money is dollars. */
export const TABLES = [
  `CREATE TABLE IF NOT EXISTS leash_receipts (
    owner TEXT NOT NULL,
    session TEXT NOT NULL,
    run TEXT NOT NULL,
    is_final INTEGER NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT NOT NULL,
    usd DOUBLE PRECISION NOT NULL,
    forecast_usd DOUBLE PRECISION,
    receipt TEXT NOT NULL,
    PRIMARY KEY (owner, session, run, is_final)
  )`,
  `CREATE INDEX IF NOT EXISTS leash_receipts_ended ON leash_receipts (owner, ended_at_ms)`,
  `CREATE INDEX IF NOT EXISTS leash_receipts_run ON leash_receipts (owner, run)`,
  `CREATE TABLE IF NOT EXISTS leash_costs (
    owner TEXT NOT NULL,
    session TEXT NOT NULL,
    run TEXT NOT NULL,
    is_final INTEGER NOT NULL,
    label TEXT NOT NULL,
    instance_id BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT NOT NULL,
    usd DOUBLE PRECISION NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (owner, session, run, is_final, label, instance_id)
  )`,
  `CREATE INDEX IF NOT EXISTS leash_costs_ended ON leash_costs (owner, ended_at_ms)`,
  `CREATE TABLE IF NOT EXISTS leash_machine_notes (
    owner TEXT NOT NULL,
    machine_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    kind TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    served_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, machine_id, label, kind)
  )`,
  `CREATE INDEX IF NOT EXISTS leash_machine_notes_at ON leash_machine_notes (owner, at_ms)`,
] as const;

export const ROWS_MAX = 10_000;
export const RECEIPTS_MAX = 500;

/** Their parameters are numbered as both databases number them. */
export const SQL = {
  insertReceipt: `INSERT INTO leash_receipts
    (owner, session, run, is_final, started_at_ms, ended_at_ms, usd, forecast_usd, receipt)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
  insertCost: `INSERT INTO leash_costs
    (owner, session, run, is_final, label, instance_id, created_at_ms, ended_at_ms, usd, line)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
  newerEnding: `SELECT 1 AS newer FROM leash_receipts
    WHERE owner = $1 AND session = $2 AND run = $3 AND ended_at_ms > $4 LIMIT 1`,
  deleteCosts: 'DELETE FROM leash_costs WHERE owner = $1 AND session = $2 AND run = $3',
  /** A row for each that it deleted. */
  deleteOlderReceipts: `DELETE FROM leash_receipts
    WHERE owner = $1 AND session = $2 AND run = $3 AND ended_at_ms < $4 RETURNING run`,
  receiptOfRun: `SELECT receipt FROM leash_receipts WHERE owner = $1 AND session = $2 AND run = $3
    ORDER BY is_final DESC LIMIT 1`,
  receiptOfSession: `SELECT receipt FROM leash_receipts WHERE owner = $1 AND session = $2
    ORDER BY ended_at_ms DESC, is_final DESC LIMIT 1`,
  unfinished: `SELECT receipt FROM leash_receipts AS r WHERE owner = $1 AND is_final = 0 AND ended_at_ms > $2
    AND NOT EXISTS (SELECT 1 FROM leash_receipts AS f
      WHERE f.owner = r.owner AND f.session = r.session AND f.run = r.run AND f.is_final = 1)
    ORDER BY ended_at_ms LIMIT ${RECEIPTS_MAX}`,
  knownRuns: (count: number) => {
    const asked = Array.from({ length: count }, (_, at) => `$${at + 2}`);
    return `SELECT DISTINCT run FROM leash_receipts WHERE owner = $1 AND run IN (${asked.join(', ')})`;
  },
  costs: `SELECT line FROM leash_costs AS c WHERE owner = $1 AND ended_at_ms >= $2 AND created_at_ms < $3
    AND (is_final = 1 OR NOT EXISTS (SELECT 1 FROM leash_receipts AS f
      WHERE f.owner = c.owner AND f.session = c.session AND f.run = c.run AND f.is_final = 1))
    ORDER BY ended_at_ms DESC LIMIT ${ROWS_MAX + 1}`,
  receipts: `SELECT session, run, ended_at_ms, is_final, usd, forecast_usd FROM leash_receipts AS r
    WHERE owner = $1 AND ended_at_ms >= $2 AND ended_at_ms < $3
    AND (is_final = 1 OR NOT EXISTS (SELECT 1 FROM leash_receipts AS f
      WHERE f.owner = r.owner AND f.session = r.session AND f.run = r.run AND f.is_final = 1))
    ORDER BY ended_at_ms DESC LIMIT ${ROWS_MAX}`,
  insertMachineNote: `INSERT INTO leash_machine_notes (owner, machine_id, label, kind, at_ms, served_ms)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
  machineNotes: `SELECT machine_id, label, kind, at_ms, served_ms FROM leash_machine_notes
    WHERE owner = $1 AND at_ms >= $2 ORDER BY at_ms DESC LIMIT ${ROWS_MAX}`,
} as const;

/** No contract has the id 0: it stands for an instance whose id was never known. */
const NO_INSTANCE = 0;

export function receiptParameters(owner: string, receipt: Receipt): Parameter[] {
  const { session, run, startedAtMs, endedAtMs, usd, forecastUsd } = receipt;
  return [
    ...[owner, session, run, receipt.final ? 1 : 0],
    ...[Math.round(startedAtMs), Math.round(endedAtMs), usd.total, forecastUsd, JSON.stringify(receipt)],
  ];
}

/** What tells a run's endings apart: one that was reset when it had ended lives on, and ends again. */
export function endingParameters(owner: string, { session, run, endedAtMs }: Receipt): Parameter[] {
  return [owner, session, run, Math.round(endedAtMs)];
}

export function costParameters(owner: string, line: CostLine): Parameter[] {
  return [
    ...[owner, line.session, line.run, line.standing === 'final' ? 1 : 0, line.label],
    ...[line.instanceId ?? NO_INSTANCE, Math.round(line.createdAtMs), Math.round(line.endedAtMs)],
    ...[line.usd.total, JSON.stringify(line)],
  ];
}

export function machineNoteParameters(owner: string, note: MachineNote): Parameter[] {
  const { machineId, label, kind, atMs, servedMs } = note;
  return [owner, machineId, label, kind, Math.round(atMs), Math.round(servedMs)];
}

export function machineNoteIn(row: Row): MachineNote {
  return {
    machineId: Number(row.machine_id),
    label: String(row.label),
    kind: String(row.kind),
    atMs: Number(row.at_ms),
    servedMs: Number(row.served_ms),
  };
}

/** What we wrote ourselves, under these keys: the cast is the table's own check. */
export function receiptIn(row: Row | undefined): Receipt | null {
  return row === undefined ? null : (JSON.parse(String(row.receipt)) as Receipt);
}

export function lineIn(row: Row): CostLine {
  return JSON.parse(String(row.line)) as CostLine;
}

export function archivedReceiptIn(row: Row): ArchivedReceipt {
  return {
    session: String(row.session),
    run: String(row.run),
    endedAtMs: Number(row.ended_at_ms),
    isFinal: Number(row.is_final) === 1,
    usd: Number(row.usd),
    forecastUsd: row.forecast_usd === null ? null : Number(row.forecast_usd),
  };
}
