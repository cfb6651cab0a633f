import type { SessionSample } from '../domain/session-sample.ts';
import type { Parameter, Row } from './database.ts';

/** Samples of sessions: one row a look, written in batches, deleted when they are old. */
export const SAMPLE_TABLES = [
  `CREATE TABLE IF NOT EXISTS leash_session_samples (
    owner TEXT NOT NULL,
    session TEXT NOT NULL,
    run TEXT NOT NULL,
    instance_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    is_ok INTEGER,
    spent_usd DOUBLE PRECISION NOT NULL,
    usd_per_hour DOUBLE PRECISION NOT NULL,
    requests_total BIGINT,
    running BIGINT,
    waiting BIGINT,
    prompt_tokens_total BIGINT,
    generation_tokens_total BIGINT,
    gpu_util_percent DOUBLE PRECISION,
    gpu_temp_c DOUBLE PRECISION,
    PRIMARY KEY (owner, session, run, instance_id, at_ms)
  )`,
  `CREATE INDEX IF NOT EXISTS leash_session_samples_at ON leash_session_samples (owner, at_ms)`,
] as const;

const COLUMNS = [
  ...['owner', 'session', 'run', 'instance_id', 'at_ms', 'is_ok', 'spent_usd', 'usd_per_hour'],
  ...['requests_total', 'running', 'waiting', 'prompt_tokens_total', 'generation_tokens_total'],
  ...['gpu_util_percent', 'gpu_temp_c'],
];

/** Samples that one statement writes, and old ones that one deletes. */
export const SAMPLES_AT_ONCE = 200;
export const PRUNED_AT_ONCE = 5_000;

export const SAMPLE_SQL = {
  insert: (count: number) => {
    const row = (at: number) => COLUMNS.map((_, column) => `$${at * COLUMNS.length + column + 1}`).join(', ');
    const rows = Array.from({ length: count }, (_, at) => `(${row(at)})`);
    return `INSERT INTO leash_session_samples (${COLUMNS.join(', ')})
      VALUES ${rows.join(', ')} ON CONFLICT DO NOTHING`;
  },
  newestRun: `SELECT run FROM leash_session_samples WHERE owner = $1 AND session = $2
    ORDER BY at_ms DESC LIMIT 1`,
  count: `SELECT COUNT(*) AS samples FROM leash_session_samples
    WHERE owner = $1 AND session = $2 AND run = $3 AND at_ms > $4`,
  /** Each so many-th, counted from the newest. */
  thinned: `SELECT * FROM (
      SELECT s.*, ROW_NUMBER() OVER (ORDER BY at_ms DESC) - 1 AS place FROM leash_session_samples AS s
      WHERE owner = $1 AND session = $2 AND run = $3 AND at_ms > $4
    ) AS numbered WHERE place % $5 = 0 ORDER BY at_ms`,
  prune: `DELETE FROM leash_session_samples WHERE owner = $1 AND (session, run, instance_id, at_ms) IN (
      SELECT session, run, instance_id, at_ms FROM leash_session_samples
      WHERE owner = $2 AND at_ms < $3 ORDER BY at_ms LIMIT ${PRUNED_AT_ONCE}
    )`,
} as const;

export function sampleParameters(owner: string, sample: SessionSample): Parameter[] {
  const whole = (value: number | null) => (value === null ? null : Math.round(value));
  return [
    ...[owner, sample.session, sample.run, sample.instanceId, Math.round(sample.atMs)],
    ...[sample.isOk === null ? null : Number(sample.isOk), sample.spentUsd, sample.usdPerHour],
    ...[whole(sample.requestsTotal), whole(sample.running), whole(sample.waiting)],
    ...[whole(sample.promptTokensTotal), whole(sample.generationTokensTotal)],
    ...[sample.gpuUtilPercent, sample.gpuTempC],
  ];
}

export function sampleIn(row: Row): SessionSample {
  const maybe = (value: unknown) => (value === null ? null : Number(value));
  return {
    session: String(row.session),
    run: String(row.run),
    instanceId: Number(row.instance_id),
    atMs: Number(row.at_ms),
    isOk: row.is_ok === null ? null : Number(row.is_ok) === 1,
    spentUsd: Number(row.spent_usd),
    usdPerHour: Number(row.usd_per_hour),
    requestsTotal: maybe(row.requests_total),
    running: maybe(row.running),
    waiting: maybe(row.waiting),
    promptTokensTotal: maybe(row.prompt_tokens_total),
    generationTokensTotal: maybe(row.generation_tokens_total),
    gpuUtilPercent: maybe(row.gpu_util_percent),
    gpuTempC: maybe(row.gpu_temp_c),
  };
}
