/** The tables of keys and budgets, beside the archive's. Times are epoch milliseconds, money billionths of a dollar. */
export const KEY_TABLES = [
  `CREATE TABLE IF NOT EXISTS leash_gateway_keys (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    hint TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT,
    expires_at_ms BIGINT,
    revoked_at_ms BIGINT,
    limits TEXT NOT NULL,
    PRIMARY KEY (owner, id)
  )`,
  // A name may be given again when the key that had it is revoked.
  `CREATE UNIQUE INDEX IF NOT EXISTS leash_gateway_keys_name ON leash_gateway_keys (owner, name)
    WHERE revoked_at_ms IS NULL`,
  // One number to look at each second, in place of every key.
  `CREATE TABLE IF NOT EXISTS leash_gateway_key_changes (
    owner TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (owner)
  )`,
  `CREATE TABLE IF NOT EXISTS leash_gateway_spending (
    owner TEXT NOT NULL,
    key_id TEXT NOT NULL,
    period_from_ms BIGINT NOT NULL,
    spent_nano BIGINT NOT NULL,
    PRIMARY KEY (owner, key_id, period_from_ms)
  )`,
  `CREATE TABLE IF NOT EXISTS leash_gateway_allowances (
    owner TEXT NOT NULL,
    key_id TEXT NOT NULL,
    period_from_ms BIGINT NOT NULL,
    process TEXT NOT NULL,
    turn BIGINT NOT NULL,
    held_nano BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, key_id, period_from_ms, process)
  )`,
] as const;

export const KEYS_MAX = 1_000;
const COLUMNS =
  'id, name, token_hash, hint, created_at_ms, last_used_at_ms, expires_at_ms, revoked_at_ms, limits';
const ONE_BUDGET = 'owner = $1 AND key_id = $2 AND period_from_ms = $3';

/** Their parameters are numbered in order, each named once. */
export const KEY_SQL = {
  version: 'SELECT version FROM leash_gateway_key_changes WHERE owner = $1',
  changed: `INSERT INTO leash_gateway_key_changes (owner, version) VALUES ($1, 1)
    ON CONFLICT (owner) DO UPDATE SET version = leash_gateway_key_changes.version + 1`,
  live: `SELECT ${COLUMNS} FROM leash_gateway_keys WHERE owner = $1 AND revoked_at_ms IS NULL LIMIT ${KEYS_MAX}`,
  all: `SELECT ${COLUMNS} FROM leash_gateway_keys WHERE owner = $1
    ORDER BY CASE WHEN revoked_at_ms IS NULL THEN 0 ELSE 1 END, created_at_ms DESC, id LIMIT ${2 * KEYS_MAX}`,
  countLive: 'SELECT COUNT(*) AS live FROM leash_gateway_keys WHERE owner = $1 AND revoked_at_ms IS NULL',
  insert: `INSERT INTO leash_gateway_keys
    (owner, id, name, token_hash, hint, created_at_ms, expires_at_ms, limits)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id`,
  /** By id, or by the name it has; the one in use first, then the newest. */
  find: `SELECT ${COLUMNS} FROM leash_gateway_keys WHERE owner = $1 AND (id = $2 OR name = $3)
    ORDER BY CASE WHEN revoked_at_ms IS NULL THEN 0 ELSE 1 END, created_at_ms DESC, id LIMIT 1`,
  revoke: `UPDATE leash_gateway_keys SET revoked_at_ms = $1
    WHERE owner = $2 AND id = $3 AND revoked_at_ms IS NULL`,
  used: `UPDATE leash_gateway_keys SET last_used_at_ms = $1
    WHERE owner = $2 AND id = $3 AND (last_used_at_ms IS NULL OR last_used_at_ms < $4)`,
  spent: `SELECT key_id, period_from_ms, spent_nano FROM leash_gateway_spending
    WHERE owner = $1 AND period_from_ms IN ($2, $3, $4)`,
  held: `SELECT key_id, period_from_ms, SUM(held_nano) AS held_nano FROM leash_gateway_allowances
    WHERE owner = $1 GROUP BY key_id, period_from_ms`,

  openBudget: `INSERT INTO leash_gateway_spending (owner, key_id, period_from_ms, spent_nano)
    VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING`,
  /** Also locks the row until the transaction ends: budgets are handed out one process after the other. */
  spend: `UPDATE leash_gateway_spending SET spent_nano = spent_nano + $1
    WHERE owner = $2 AND key_id = $3 AND period_from_ms = $4 RETURNING spent_nano`,
  own: `SELECT turn, held_nano FROM leash_gateway_allowances WHERE ${ONE_BUDGET} AND process = $4`,
  heldByOthers: `SELECT COALESCE(SUM(held_nano), 0) AS held_nano FROM leash_gateway_allowances
    WHERE ${ONE_BUDGET} AND process <> $4`,
  sweep: `DELETE FROM leash_gateway_allowances
    WHERE ${ONE_BUDGET} AND process <> $4 AND expires_at_ms < $5 RETURNING held_nano`,
  hold: `INSERT INTO leash_gateway_allowances
    (owner, key_id, period_from_ms, process, turn, held_nano, expires_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (owner, key_id, period_from_ms, process)
    DO UPDATE SET turn = excluded.turn, held_nano = excluded.held_nano, expires_at_ms = excluded.expires_at_ms`,
  release: `DELETE FROM leash_gateway_allowances WHERE ${ONE_BUDGET} AND process = $4`,
} as const;
