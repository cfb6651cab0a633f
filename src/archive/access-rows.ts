import type { AccessPlace, AccessRecord, AccessVerb } from '../domain/access.ts';
import type { Parameter, Row } from './database.ts';

/** Calls that changed something, or were refused: one row each, never changed, deleted when they are old. */
export const ACCESS_TABLES = [
  `CREATE TABLE IF NOT EXISTS leash_access (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    role TEXT,
    by_what TEXT,
    address TEXT NOT NULL,
    what TEXT NOT NULL,
    session TEXT,
    subject TEXT,
    status INTEGER NOT NULL,
    problem TEXT,
    PRIMARY KEY (owner, id)
  )`,
  'CREATE INDEX IF NOT EXISTS leash_access_at ON leash_access (owner, at_ms)',
] as const;

export type AccessQuestion = {
  readonly fromMs: number | null;
  /** Up to here, and not at it. */
  readonly toMs: number | null;
  readonly what: AccessVerb | null;
  readonly session: string | null;
  readonly after: AccessPlace | null;
  readonly limit: number;
};

const COLUMNS = [
  ...['owner', 'id', 'at_ms', 'role', 'by_what', 'address'],
  ...['what', 'session', 'subject', 'status', 'problem'],
];

/** Records that one statement writes, and old ones that one deletes. */
export const ACCESS_AT_ONCE = 200;
const PRUNED_AT_ONCE = 5_000;

export const ACCESS_SQL = {
  insert: (count: number) => {
    const row = (at: number) => COLUMNS.map((_, column) => `$${at * COLUMNS.length + column + 1}`).join(', ');
    const rows = Array.from({ length: count }, (_, at) => `(${row(at)})`);
    return `INSERT INTO leash_access (${COLUMNS.join(', ')}) VALUES ${rows.join(', ')} ON CONFLICT DO NOTHING`;
  },
  prune: prune(''),
  pruneStrangers: prune('AND role IS NULL'),
} as const;

/** The newest that match, one more than asked for: whether there are further ones. */
export function findAccess(owner: string, question: AccessQuestion): [sql: string, ...Parameter[]] {
  const { fromMs, toMs, what, session, after, limit } = question;
  const parameters: Parameter[] = [owner];
  const conditions = ['owner = $1'];
  const where = (condition: (...places: string[]) => string, ...values: (Parameter | undefined)[]) => {
    const given = values.filter((value) => value !== null && value !== undefined);
    if (given.length < values.length) return;
    conditions.push(condition(...given.map((_, at) => `$${parameters.length + at + 1}`)));
    parameters.push(...given);
  };
  where((place) => `at_ms >= ${place}`, fromMs);
  where((place) => `at_ms < ${place}`, toMs);
  where((place) => `what = ${place}`, what);
  where((place) => `session = ${place}`, session);
  where((at, id) => `(at_ms, id) < (${at}, ${id})`, after?.atMs, after?.id);
  const sql = `SELECT * FROM leash_access WHERE ${conditions.join(' AND ')}
    ORDER BY at_ms DESC, id DESC LIMIT ${limit + 1}`;
  return [sql, ...parameters];
}

export function accessParameters(owner: string, record: AccessRecord): Parameter[] {
  const { id, atMs, role, by, address, what, session, subject, status, problem } = record;
  return [owner, id, Math.round(atMs), role, by, address, what, session, subject, status, problem];
}

/** What we wrote ourselves, under these words: the casts are the column's own check. */
export function accessIn(row: Row): AccessRecord {
  const maybe = (value: unknown) => (value === null ? null : String(value));
  return {
    id: String(row.id),
    atMs: Number(row.at_ms),
    role: maybe(row.role) as AccessRecord['role'],
    by: maybe(row.by_what) as AccessRecord['by'],
    address: String(row.address),
    what: String(row.what) as AccessVerb,
    session: maybe(row.session),
    subject: maybe(row.subject),
    status: Number(row.status),
    problem: maybe(row.problem),
  };
}

function prune(also: string): string {
  return `DELETE FROM leash_access WHERE owner = $1 AND id IN (
    SELECT id FROM leash_access WHERE owner = $2 AND at_ms < $3 ${also} ORDER BY at_ms LIMIT ${PRUNED_AT_ONCE}
  )`;
}
