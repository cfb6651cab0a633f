import type { FoundOrphan } from '../domain/reaping.ts';
import type { Parameter, Row } from './database.ts';

/** Orphans that were ever found: each instance once, whatever came of it. */
export const ORPHAN_TABLES = [
  `CREATE TABLE IF NOT EXISTS leash_orphans (
    owner TEXT NOT NULL,
    instance_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    label TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (owner, instance_id)
  )`,
  `CREATE INDEX IF NOT EXISTS leash_orphans_at ON leash_orphans (owner, at_ms)`,
] as const;

export const ORPHANS_MAX = 100;

export const ORPHAN_SQL = {
  insert: `INSERT INTO leash_orphans (owner, instance_id, at_ms, label, why)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
  newest: `SELECT instance_id, at_ms, label, why FROM leash_orphans WHERE owner = $1
    ORDER BY at_ms DESC LIMIT ${ORPHANS_MAX}`,
  count: 'SELECT COUNT(*) AS found FROM leash_orphans WHERE owner = $1',
} as const;

export function orphanParameters(owner: string, orphan: FoundOrphan): Parameter[] {
  return [owner, orphan.instanceId, Math.round(orphan.atMs), orphan.label, orphan.why];
}

export function orphanIn(row: Row): FoundOrphan {
  return {
    instanceId: Number(row.instance_id),
    atMs: Number(row.at_ms),
    label: String(row.label),
    why: String(row.why),
  };
}
