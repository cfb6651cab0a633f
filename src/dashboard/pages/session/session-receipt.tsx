import type { ReceiptAnswer } from '../../../admin/answers.ts';
import { Card, Fact } from '../../components/card.tsx';
import { Chip, OutcomeChip } from '../../components/chip.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { clock, duration, usd } from '../../format.ts';

type ReceiptInstance = ReceiptAnswer['instances'][number];

const COLUMNS: readonly Column<ReceiptInstance>[] = [
  { key: 'id', title: 'Instance', cell: ({ instance_id }) => instance_id ?? 'never seen' },
  {
    key: 'created',
    title: 'Created',
    isNumber: true,
    isMinor: true,
    cell: ({ created_at }) => clock(created_at),
  },
  {
    key: 'running',
    title: 'Running',
    isNumber: true,
    isMinor: true,
    cell: ({ running_at }) => clock(running_at),
  },
  {
    key: 'sent',
    title: 'Destroy sent',
    isNumber: true,
    isMinor: true,
    cell: ({ destroy_sent_at }) => clock(destroy_sent_at),
  },
  { key: 'gone', title: 'Gone', isNumber: true, cell: ({ gone_at }) => clock(gone_at) },
  { key: 'absent', title: 'Seen absent', cell: seenAbsent },
  { key: 'gpu', title: 'GPU', isNumber: true, isMinor: true, cell: ({ usd: { gpu } }) => usd(gpu) },
  { key: 'disk', title: 'Disk', isNumber: true, isMinor: true, cell: ({ usd: { storage } }) => usd(storage) },
  {
    key: 'traffic',
    title: 'Traffic',
    isNumber: true,
    isMinor: true,
    cell: ({ usd: { bandwidth } }) => usd(bandwidth),
  },
  { key: 'total', title: 'Total', isNumber: true, cell: ({ usd: { total } }) => usd(total) },
];

/** What it has cost, our figure beside the provider's, and the proof that it is gone. */
export function SessionReceipt({ receipt }: { receipt: ReceiptAnswer }) {
  return (
    <Card
      title="Receipt"
      aside={<Chip tone={receipt.final ? 'good' : 'busy'}>{receipt.final ? 'Final' : 'Not final yet'}</Chip>}
    >
      <dl class="facts">
        <Fact name="Outcome">
          <OutcomeChip outcome={receipt.outcome} /> {receipt.reason}
        </Fact>
        <Fact name="Total, by our meter">
          <strong>{usd(receipt.usd.total)}</strong>
        </Fact>
        <Fact name="By the provider's charges">{usd(receipt.provider_usd)}</Fact>
        <Fact name="Forecast at launch">{usd(receipt.forecast_usd)}</Fact>
        <Fact name="GPU">{usd(receipt.usd.gpu)}</Fact>
        <Fact name="Disk">{usd(receipt.usd.storage)}</Fact>
        <Fact name="Traffic">{usd(receipt.usd.bandwidth)}</Fact>
        <Fact name="Lasted">
          {duration((Date.parse(receipt.ended_at) - Date.parse(receipt.started_at)) / 1_000)}
        </Fact>
        <Fact name="Ended">{clock(receipt.ended_at)}</Fact>
      </dl>
      {!receipt.final && (
        <p class="small quiet">The provider's charges still come in; our meter is corrected by them.</p>
      )}
      {receipt.instances.length > 0 && (
        <Table
          caption="Instances of this session, and when each was seen gone"
          columns={COLUMNS}
          rows={receipt.instances}
          keyOf={({ label }) => label}
        />
      )}
    </Card>
  );
}

const BY_WORDS = { id: 'by its id', list: 'in the whole list' } as const;

function seenAbsent({ seen_absent }: ReceiptInstance) {
  if (seen_absent.length === 0) return '–';
  return (
    <ul class="small num">
      {seen_absent.map(({ at, by }) => (
        <li key={`${at} ${by}`}>
          {clock(at)} <span class="quiet">{BY_WORDS[by]}</span>
        </li>
      ))}
    </ul>
  );
}
