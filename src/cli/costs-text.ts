import pc from 'picocolors';
import type { CostsAnswer } from '../admin/answers.ts';
import type { Look } from './status-text.ts';
import { type Column, table, usd } from './text.ts';

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
  const hasForecast = costs.by === 'session';
  const columns: Column[] = [
    { title: costs.by },
    ...['GPU', 'disk', 'traffic', 'total', ...(hasForecast ? ['forecast'] : []), 'instances'].map(
      (title): Column => ({ title, align: 'right' }),
    ),
    { title: 'figures' },
  ];
  const row = (name: string, sum: Sum): string[] => [
    name,
    ...[sum.usd.gpu, sum.usd.storage, sum.usd.bandwidth, sum.usd.total].map((amount) => usd(amount)),
    ...(hasForecast ? [sum.forecast_usd === null ? '' : usd(sum.forecast_usd)] : []),
    String(sum.instances),
    STANDINGS[sum.standing],
  ];
  const rows = [...costs.items.map((item) => row(item.key, item)), row('total', costs.total)];
  const lines = table(columns, rows, look.width);
  const total = lines.pop() ?? '';
  return [pc.dim(span), '', ...lines, pc.bold(total), ...unreadText(costs)];
}

function unreadText({ unread_sessions: unread }: CostsAnswer): string[] {
  if (unread.length === 0) return [];
  return ['', pc.yellow(`Not in these sums, as no worker told of them: ${unread.join(', ')}`)];
}
