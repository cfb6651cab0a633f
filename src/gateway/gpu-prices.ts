import type { Sessions } from '../client.ts';

const STALE_MS = 30_000;
const SESSIONS_MAX = 200;

/** Dollars an hour of the sessions that are READY, asked for when somebody wants to know, at most twice a minute. */
export function makeGpuPrices(
  sessions: Pick<Sessions, 'list'>,
  nowMs: () => number = Date.now,
): (session: string) => number | null {
  let prices: ReadonlyMap<string, number> = new Map();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const refresh = async (): Promise<void> => {
    const { items } = await sessions.list({ open: true, state: 'READY', limit: SESSIONS_MAX });
    prices = new Map(
      items.flatMap(({ session, usdPerHour }) => (usdPerHour === null ? [] : [[session, usdPerHour]])),
    );
  };
  return (session) => {
    if (nowMs() - askedAtMs >= STALE_MS) {
      askedAtMs = nowMs();
      // Those known stand until it can be asked again.
      refresh().catch(() => undefined);
    }
    return prices.get(session) ?? null;
  };
}
