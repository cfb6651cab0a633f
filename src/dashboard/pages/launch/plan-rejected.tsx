import type { PlanAnswer } from '../../../admin/answers.ts';
import { Card } from '../../components/card.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { count, usdPerHour } from '../../format.ts';

type Rejected = PlanAnswer['rejected'];
type RejectedOffer = Rejected['items'][number];

const SHOWN_MAX = 50;

const COLUMNS: readonly Column<RejectedOffer>[] = [
  { key: 'gpu', title: 'GPU', cell: ({ gpu }) => gpu },
  { key: 'machine', title: 'Machine', isNumber: true, isMinor: true, cell: ({ machine_id }) => machine_id },
  { key: 'price', title: 'Price', isNumber: true, cell: ({ usd_per_hour }) => usdPerHour(usd_per_hour) },
  {
    key: 'why',
    title: 'Why not',
    cell: ({ reasons }) => <span class="break">{reasons.map(({ message }) => message).join('; ')}</span>,
  },
];

/** What speaks against the others, most frequent first. */
export function PlanRejected({ rejected }: { rejected: Rejected }) {
  if (rejected.count === 0) return null;
  return (
    <Card title="Passed over" aside={<span class="quiet small num">{count(rejected.count)} offers</span>}>
      <ul class="lines">
        {rejected.by_reason.map(({ kind, count: times, example }) => (
          <li key={kind} class="row-start">
            <strong class="num rejected-count">{times}</strong>
            <span class="break">
              {kind.charAt(0).toUpperCase() + kind.slice(1)}{' '}
              <span class="quiet small">for one: {example}</span>
            </span>
          </li>
        ))}
      </ul>
      <details class="fold">
        <summary>Each of them</summary>
        <Table
          caption="Offers passed over, with the reasons"
          columns={COLUMNS}
          rows={rejected.items.slice(0, SHOWN_MAX)}
          keyOf={({ offer_id }) => offer_id}
        />
      </details>
    </Card>
  );
}
