import {
  type CostDimension,
  type CostGroup,
  type CostLine,
  type CostStanding,
  groupCosts,
  sumOf,
} from './costs.ts';
import type { UsageRow } from './gateway-usage.ts';
import type { Usd } from './session.ts';

/** What is paid by the hour, in its parts, and what is paid by the token. */
export type UsdWithTokens = Usd & { readonly tokens: number };

/** What the gateway was used for. */
export type Use = Pick<UsageRow, 'requests' | 'failures' | 'promptTokens' | 'completionTokens' | 'unpriced'>;

export const SPENDING_DIMENSIONS = [
  'session',
  'gpu',
  'day',
  'part',
  'provider',
  'model',
  'key',
] as const satisfies readonly (CostDimension | UseDimension)[];
export type SpendingDimension = (typeof SPENDING_DIMENSIONS)[number];
/** What only requests have: a rented GPU is shared by them. */
export type UseDimension = 'model' | 'key';

export type SpendingGroup = Omit<CostGroup, 'usd'> & {
  readonly usd: UsdWithTokens;
  /** Null where requests are not told apart by this dimension. */
  readonly use: Use | null;
};

type Spending = {
  readonly lines: readonly CostLine[];
  readonly usage: readonly UsageRow[];
  readonly by: SpendingDimension;
};

/** A GPU, or a part of its time, that answered nobody. */
export const UNUSED = '(unused)';
export const ADMIN_KEY = '(admin token)';
const NO_USE: Use = { requests: 0, failures: 0, promptTokens: 0, completionTokens: 0, unpriced: 0 };

/** Sums by one dimension of rentals and of what was paid by the token: days in order, everything else dearest first. */
export function groupSpending({ lines, usage, by }: Spending): SpendingGroup[] {
  const rentals = rentalGroups(lines, usage, by);
  const used = Map.groupBy(rowsFor(usage, by), (row) => useKeyOf(row, by));
  const names = new Set([...rentals.keys(), ...used.keys()]);
  const groups = [...names].map((key) => {
    const rows = used.get(key) ?? [];
    const rental = rentals.get(key) ?? null;
    return { key, ...join(rental, rows), use: tellsRequests(by) ? useOf(rows) : null };
  });
  return groups.sort((a, b) => (by === 'day' ? a.key.localeCompare(b.key) : b.usd.total - a.usd.total));
}

export function sumSpending(
  lines: readonly CostLine[],
  usage: readonly UsageRow[],
): Omit<SpendingGroup, 'key'> {
  return { ...join(lines.length === 0 && usage.length > 0 ? null : sumOf(lines), usage), use: useOf(usage) };
}

function rentalGroups(
  lines: readonly CostLine[],
  usage: readonly UsageRow[],
  by: SpendingDimension,
): Map<string, Omit<CostGroup, 'key'>> {
  if (by === 'model' || by === 'key') return shareRentals(lines, usage, by);
  return new Map(groupCosts(lines, by).map(({ key, ...sum }) => [key, sum]));
}

/** What each session cost, shared by the tokens that it was used for; what nobody used is nobody's. */
function shareRentals(
  lines: readonly CostLine[],
  usage: readonly UsageRow[],
  by: UseDimension,
): Map<string, Omit<CostGroup, 'key'>> {
  const rowsOf = Map.groupBy(usage, ({ session }) => session);
  const pieces = [...Map.groupBy(lines, ({ session }) => session)].flatMap(([session, members]) => {
    const rows = (rowsOf.get(session) ?? []).filter((row) => tokensOf(row) > 0);
    const all = rows.reduce((sum, row) => sum + tokensOf(row), 0);
    if (all === 0) return members.map((line) => ({ key: UNUSED, line }));
    const shares = Map.groupBy(rows, (row) => useKeyOf(row, by));
    return [...shares].flatMap(([key, sharing]) => {
      const share = sharing.reduce((sum, row) => sum + tokensOf(row), 0) / all;
      return members.map((line) => ({ key, line: { ...line, usd: times(line.usd, share) } }));
    });
  });
  const groups = Map.groupBy(pieces, ({ key }) => key);
  return new Map([...groups].map(([key, members]) => [key, sumOf(members.map(({ line }) => line))]));
}

/** Requests to rented GPUs are in the costs of those already: other dimensions need only what was paid by the token. */
function rowsFor(usage: readonly UsageRow[], by: SpendingDimension): readonly UsageRow[] {
  return tellsRequests(by) ? usage : usage.filter(({ usd }) => usd > 0);
}

function tellsRequests(by: SpendingDimension): boolean {
  return by === 'provider' || by === 'model' || by === 'key' || by === 'day';
}

function useKeyOf(row: UsageRow, by: SpendingDimension): string {
  switch (by) {
    case 'day':
      return new Date(row.fromMs).toISOString().slice(0, 10);
    case 'part':
      return 'tokens';
    case 'model':
      return row.model;
    case 'key':
      return row.keyId ?? ADMIN_KEY;
    // No rental of ours has a part in what a provider charges by the token: it stands under its name.
    case 'session':
    case 'gpu':
    case 'provider':
      return row.provider;
  }
}

function join(
  rental: Omit<CostGroup, 'key'> | null,
  rows: readonly UsageRow[],
): { usd: UsdWithTokens; instances: number; standing: CostStanding } {
  const tokens = rows.reduce((sum, { usd }) => sum + usd, 0);
  // A provider's price list is our meter: its bill is not read.
  if (rental === null)
    return {
      usd: { gpu: 0, storage: 0, bandwidth: 0, tokens, total: tokens },
      instances: 0,
      standing: 'not-final',
    };
  const standing = rental.standing === 'final' && tokens > 0 ? 'not-final' : rental.standing;
  return { ...rental, usd: { ...rental.usd, tokens, total: rental.usd.total + tokens }, standing };
}

function useOf(rows: readonly UsageRow[]): Use {
  return rows.reduce<Use>(
    (sum, row) => ({
      requests: sum.requests + row.requests,
      failures: sum.failures + row.failures,
      promptTokens: sum.promptTokens + row.promptTokens,
      completionTokens: sum.completionTokens + row.completionTokens,
      unpriced: sum.unpriced + row.unpriced,
    }),
    NO_USE,
  );
}

function tokensOf({ promptTokens, completionTokens }: UsageRow): number {
  return promptTokens + completionTokens;
}

function times({ gpu, storage, bandwidth, total }: Usd, factor: number): Usd {
  return {
    gpu: gpu * factor,
    storage: storage * factor,
    bandwidth: bandwidth * factor,
    total: total * factor,
  };
}
