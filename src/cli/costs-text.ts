import type { CostsAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { type Column, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { usd } from './text.ts';

type Sum = CostsAnswer['total'];

const STANDINGS: Record<Sum['standing'], string> = {
  'so-far': 'so far',
  'not-final': 'by our meter',
  final: 'final',
};

/** The sums as a table, the total under it, and what the figures are worth. */
export function costsText(costs: CostsAnswer, look: Look): string[] {
  const span = `${costs.from.slice(0, 16).replace('T', ' ')} to ${costs.to.slice(0, 16).replace('T', ' ')} UTC`;
  if (costs.items.length === 0) return [`Nothing was spent from ${span}.`, ...unreadText(costs)];
  const parts = partsOf(costs);
  const columns: Column[] = [
    { title: costs.by, narrowest: 12 },
    ...parts.map((part): Column => ({ ...part, align: 'right' })),
    { title: 'figures', dropped: 0 },
  ];
  const row = (name: string, sum: Sum): string[] => [
    name,
    ...parts.map(({ of }) => of(sum)),
    STANDINGS[sum.standing],
  ];
  const rows = [...costs.items.map((item) => row(item.key, item)), row('total', costs.total)];
  const lines = table(columns, rows, look.width);
  const total = lines.pop() ?? '';
  return [colours.dim(span), '', ...lines, colours.bold(total), ...unreadText(costs)];
}

type Part = Pick<Column, 'title' | 'dropped'> & { readonly of: (sum: Sum) => string };

/** Columns that say something about these sums. */
function partsOf(costs: CostsAnswer): Part[] {
  const { total, items } = costs;
  const maybeUsd = (amount: number | null | undefined) =>
    amount === null || amount === undefined ? '' : usd(amount);
  const isUsed = total.use !== null && total.use.requests > 0 && items.some(({ use }) => use !== null);
  return [
    { title: 'GPU', dropped: 8, of: (sum) => usd(sum.usd.gpu) },
    { title: 'disk', dropped: 5, of: (sum) => usd(sum.usd.storage) },
    { title: 'traffic', dropped: 6, of: (sum) => usd(sum.usd.bandwidth) },
    ...(total.usd.tokens > 0 ? [{ title: 'tokens', dropped: 9, of: (sum: Sum) => usd(sum.usd.tokens) }] : []),
    { title: 'total', of: (sum) => usd(sum.usd.total) },
    ...(costs.by === 'session'
      ? [{ title: 'forecast', dropped: 7, of: (sum: Sum) => maybeUsd(sum.forecast_usd) }]
      : []),
    { title: 'instances', dropped: 3, of: (sum) => String(sum.instances) },
    ...(isUsed
      ? [
          {
            title: 'requests',
            dropped: 10,
            of: ({ use }: Sum) => (use === null ? '' : String(use.requests)),
          },
          {
            title: 'tokens in',
            dropped: 1,
            of: ({ use }: Sum) => (use === null ? '' : count(use.prompt_tokens)),
          },
          {
            title: 'tokens out',
            dropped: 2,
            of: ({ use }: Sum) => (use === null ? '' : count(use.completion_tokens)),
          },
          { title: '$/request', dropped: 4, of: ({ use }: Sum) => maybeUsd(use?.usd_per_request) },
          { title: '$/M tokens', dropped: 11, of: ({ use }: Sum) => maybeUsd(use?.usd_per_million_tokens) },
        ]
      : []),
  ];
}

/** `950`, `12k`, `3.4M`: enough to compare. */
function count(tokens: number): string {
  if (tokens < 10_000) return String(tokens);
  return tokens < 1e6 ? `${Math.round(tokens / 1_000)}k` : `${(tokens / 1e6).toFixed(1)}M`;
}

function unreadText({ unread_sessions: unread }: CostsAnswer): string[] {
  if (unread.length === 0) return [];
  return ['', colours.yellow(`Not in these sums, as no worker told of them: ${unread.join(', ')}`)];
}
