import type { OffersAnswer } from '../../../admin/answers.ts';
import { Card } from '../../components/card.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { usdPerHour } from '../../format.ts';

type Rejected = NonNullable<OffersAnswer['rejected']>;

const REASONS: readonly Column<Rejected['by_reason'][number]>[] = [
  { key: 'kind', title: 'Reason', cell: ({ kind }) => kind },
  { key: 'count', title: 'Offers', isNumber: true, cell: ({ count }) => count },
  { key: 'example', title: 'For example', cell: ({ example }) => example },
];

const OFFERS: readonly Column<Rejected['items'][number]>[] = [
  { key: 'gpu', title: 'GPU', cell: ({ gpu }) => <span class="nowrap">{gpu}</span> },
  { key: 'price', title: 'Price', isNumber: true, cell: ({ usd_per_hour }) => usdPerHour(usd_per_hour) },
  { key: 'machine', title: 'Machine', isNumber: true, isMinor: true, cell: ({ machine_id }) => machine_id },
  {
    key: 'why',
    title: 'Why not',
    cell: ({ reasons }) => reasons.map(({ message }) => message).join(' '),
  },
];

/** Why the others do not fit: the sums in sight, each offer on demand. */
export function RejectedOffers({ rejected }: { rejected: Rejected }) {
  if (rejected.count === 0) return null;
  return (
    <Card title={`${rejected.count} offers do not fit`}>
      <Table caption="Reasons" columns={REASONS} rows={rejected.by_reason} keyOf={({ kind }) => kind} />
      <details>
        <summary>Each of them</summary>
        <Table
          caption="Offers that do not fit"
          columns={OFFERS}
          rows={rejected.items}
          keyOf={({ offer_id }) => offer_id}
        />
      </details>
    </Card>
  );
}
