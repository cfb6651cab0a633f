import { randomBytes } from 'node:crypto';
import type { Database, Row } from '../archive/database.ts';
import type { Span } from '../domain/costs.ts';
import type { UsageRow } from '../domain/gateway-usage.ts';

/** Beside the archive's tables. Each process has rows of its own: what it writes again changes nothing. */
export const USAGE_TABLES = [
  `CREATE TABLE IF NOT EXISTS leash_gateway_usage (
    owner TEXT NOT NULL,
    process TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    session TEXT NOT NULL,
    key_id TEXT NOT NULL,
    requests BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    usd DOUBLE PRECISION NOT NULL,
    unpriced BIGINT NOT NULL,
    PRIMARY KEY (owner, process, hour_ms, provider, model, session, key_id)
  )`,
  'CREATE INDEX IF NOT EXISTS leash_gateway_usage_hour ON leash_gateway_usage (owner, hour_ms)',
] as const;

const UPSERT = `INSERT INTO leash_gateway_usage (owner, process, hour_ms, provider, model, session, key_id,
    requests, failures, prompt_tokens, completion_tokens, seconds, usd, unpriced)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
  ON CONFLICT (owner, process, hour_ms, provider, model, session, key_id) DO UPDATE SET
    requests = excluded.requests, failures = excluded.failures, prompt_tokens = excluded.prompt_tokens,
    completion_tokens = excluded.completion_tokens, seconds = excluded.seconds, usd = excluded.usd,
    unpriced = excluded.unpriced`;

export const USAGE_ROWS_MAX = 10_000;
const READ = `SELECT hour_ms - hour_ms % 86400000 AS day_ms, provider, model, session, key_id,
    SUM(requests) AS requests, SUM(failures) AS failures, SUM(prompt_tokens) AS prompt_tokens,
    SUM(completion_tokens) AS completion_tokens, SUM(seconds) AS seconds, SUM(usd) AS usd, SUM(unpriced) AS unpriced
  FROM leash_gateway_usage WHERE owner = $1 AND hour_ms >= $2 AND hour_ms < $3
  GROUP BY hour_ms - hour_ms % 86400000, provider, model, session, key_id LIMIT ${USAGE_ROWS_MAX + 1}`;

export type UsageStore = {
  /** Sums so far of this process, by hour: they take the place of those written before. */
  write(rows: readonly UsageRow[]): Promise<void>;
  /** Sums of all processes by day, of the hours that began in the span; `isCut` where there are more than one answer holds. */
  read(span: Span): Promise<Usage>;
};

export type Usage = { readonly rows: UsageRow[]; readonly isCut: boolean };

export function openUsageStore(database: Database, owner: string): UsageStore {
  const process = randomBytes(9).toString('base64url');
  return {
    write: (rows) =>
      database.transaction(async (ask) => {
        for (const row of rows)
          await ask(
            UPSERT,
            ...[owner, process, row.fromMs, row.provider, row.model, row.session ?? '', row.keyId ?? ''],
            ...[row.requests, row.failures, row.promptTokens, row.completionTokens],
            ...[row.seconds, row.usd, row.unpriced],
          );
      }),
    read: async ({ fromMs, toMs }) => {
      const rows = await database.ask(READ, owner, Math.floor(fromMs), Math.ceil(toMs));
      return { rows: rows.slice(0, USAGE_ROWS_MAX).map(usageIn), isCut: rows.length > USAGE_ROWS_MAX };
    },
  };
}

function usageIn(row: Row): UsageRow {
  const maybe = (value: unknown): string | null => (value === '' ? null : String(value));
  return {
    fromMs: Number(row.day_ms),
    provider: String(row.provider),
    model: String(row.model),
    session: maybe(row.session),
    keyId: maybe(row.key_id),
    requests: Number(row.requests),
    failures: Number(row.failures),
    promptTokens: Number(row.prompt_tokens),
    completionTokens: Number(row.completion_tokens),
    seconds: Number(row.seconds),
    usd: Number(row.usd),
    unpriced: Number(row.unpriced),
  };
}
