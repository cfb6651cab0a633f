import { Link } from 'wouter-preact';
import type { CostsAnswer } from '../../../admin/answers.ts';
import { Card, Fact } from '../../components/card.tsx';
import { Chip, type Tone } from '../../components/chip.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { count, usd } from '../../format.ts';

type Sum = CostsAnswer['total'];
type Row = CostsAnswer['items'][number];

const STANDINGS: Record<
  Sum['standing'],
  { readonly tone: Tone; readonly says: string; readonly why: string }
> = {
  'so-far': { tone: 'busy', says: 'so far', why: 'With sessions that are open: it goes on growing.' },
  'not-final': {
    tone: 'warn',
    says: 'not final',
    why: 'By our own meter: the provider has not charged all of it yet.',
  },
  final: { tone: 'good', says: 'final', why: 'By the charges of the provider.' },
};

/** The sum of the span, in its parts. */
export function TotalFacts({ total }: { total: Sum }) {
  const { says, why } = STANDINGS[total.standing];
  return (
    <Card title={`${usd(total.usd.total)} in all`} aside={<StandingChip standing={total.standing} />}>
      <dl class="facts">
        <Fact name="GPU">{usd(total.usd.gpu)}</Fact>
        <Fact name="Disk">{usd(total.usd.storage)}</Fact>
        <Fact name="Traffic">{usd(total.usd.bandwidth)}</Fact>
        <Fact name="Tokens elsewhere">{usd(total.usd.tokens)}</Fact>
        {total.forecast_usd !== null && <Fact name="Forecast of what ended">{usd(total.forecast_usd)}</Fact>}
        <Fact name="Instances">{count(total.instances)}</Fact>
        {total.use !== null && <Fact name="Requests">{count(total.use.requests)}</Fact>}
        {total.use?.usd_per_million_tokens != null && (
          <Fact name="A million tokens">{usd(total.use.usd_per_million_tokens)}</Fact>
        )}
      </dl>
      <p class="quiet small">
        “{says}”: {why}
      </p>
    </Card>
  );
}

export function CostsTable({ costs }: { costs: CostsAnswer }) {
  const hasUse = costs.items.some(({ use }) => use !== null);
  const columns = [...COLUMNS(costs.by), ...(hasUse ? USE : [])];
  return (
    <Table caption={`Costs by ${costs.by}`} columns={columns} rows={costs.items} keyOf={({ key }) => key} />
  );
}

const COLUMNS = (by: CostsAnswer['by']): readonly Column<Row>[] => [
  {
    key: 'key',
    title: by === 'gpu' ? 'GPU' : by === 'key' ? 'API key' : `${by[0]?.toUpperCase()}${by.slice(1)}`,
    cell: ({ key }) =>
      by === 'session' ? <Link href={`/sessions/${key}`}>{key}</Link> : <span class="break">{key}</span>,
  },
  { key: 'total', title: 'Total', isNumber: true, cell: (row) => <strong>{usd(row.usd.total)}</strong> },
  { key: 'gpu', title: 'GPU', isNumber: true, isMinor: true, cell: (row) => usd(row.usd.gpu) },
  { key: 'storage', title: 'Disk', isNumber: true, isMinor: true, cell: (row) => usd(row.usd.storage) },
  {
    key: 'bandwidth',
    title: 'Traffic',
    isNumber: true,
    isMinor: true,
    cell: (row) => usd(row.usd.bandwidth),
  },
  { key: 'tokens', title: 'Tokens', isNumber: true, isMinor: true, cell: (row) => usd(row.usd.tokens) },
  { key: 'standing', title: '', cell: ({ standing }) => <StandingChip standing={standing} /> },
];

const USE: readonly Column<Row>[] = [
  { key: 'requests', title: 'Requests', isNumber: true, cell: ({ use }) => count(use?.requests) },
  {
    key: 'each',
    title: '$/request',
    isNumber: true,
    isMinor: true,
    cell: ({ use }) => (use?.usd_per_request == null ? '–' : `$${use.usd_per_request.toFixed(5)}`),
  },
  {
    key: 'million',
    title: '$/M tokens',
    isNumber: true,
    isMinor: true,
    cell: ({ use }) => usd(use?.usd_per_million_tokens),
  },
];

function StandingChip({ standing }: { standing: Sum['standing'] }) {
  const { tone, says, why } = STANDINGS[standing];
  return (
    <span title={why}>
      <Chip tone={tone}>{says}</Chip>
    </span>
  );
}
