import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Looks at each session in a span, as the archive has them, and the longest time each went without one. */
export type Looks = {
  readonly sessions: number;
  readonly looks: number;
  readonly failed: number;
  /** Of each session, seconds; the ends of the span count as looks. */
  readonly gapsSeconds: readonly number[];
};

/** By the samples that supervision leaves: what really happened, not what was meant to. */
export function readLooks(home: string, { fromMs, toMs }: { fromMs: number; toMs: number }): Looks {
  const database = new DatabaseSync(join(home, 'archive.db'), { readOnly: true });
  try {
    const rows = database
      .prepare(
        `SELECT session, at_ms, is_ok FROM leash_session_samples WHERE at_ms >= ? AND at_ms < ? ORDER BY session, at_ms`,
      )
      .all(fromMs, toMs) as { session: string; at_ms: number; is_ok: number | null }[];
    const bySession = Map.groupBy(rows, ({ session }) => session);
    const gapsSeconds = [...bySession.values()].map((looks) => {
      const moments = [fromMs, ...looks.map(({ at_ms }) => at_ms), toMs];
      return Math.max(...moments.slice(1).map((atMs, index) => atMs - (moments[index] ?? atMs))) / 1_000;
    });
    return {
      sessions: bySession.size,
      looks: rows.length,
      failed: rows.filter(({ is_ok }) => is_ok === 0).length,
      gapsSeconds,
    };
  } finally {
    database.close();
  }
}
