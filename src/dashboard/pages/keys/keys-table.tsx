import type { KeyAnswer } from '../../../admin/answers.ts';
import { whyNotAct } from '../../account.ts';
import { Ago } from '../../components/ago.tsx';
import { Button } from '../../components/button.tsx';
import { Chip, type Tone } from '../../components/chip.tsx';
import { MeterBar } from '../../components/meter.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { clock, count, usd } from '../../format.ts';

const TONES: Record<KeyAnswer['state'], Tone> = { active: 'good', expired: 'idle', revoked: 'idle' };

type KeysTableProps = { readonly keys: readonly KeyAnswer[]; readonly onRevoke: (key: KeyAnswer) => void };

export function KeysTable({ keys, onRevoke }: KeysTableProps) {
  return <Table caption="API keys" columns={columnsOf(onRevoke)} rows={keys} keyOf={({ id }) => id} />;
}

function columnsOf(onRevoke: (key: KeyAnswer) => void): readonly Column<KeyAnswer>[] {
  return [
    {
      key: 'name',
      title: 'Name',
      cell: ({ name, hint, state }) => (
        <div class="stack-tight key-name">
          <strong class="break">{name}</strong>
          <Chip tone={TONES[state]}>{state}</Chip>
          <code class="quiet small">{hint}</code>
        </div>
      ),
    },
    { key: 'budget', title: 'Budget', cell: (key) => <KeyBudget apiKey={key} /> },
    { key: 'rates', title: 'A minute', isMinor: true, cell: ratesOf },
    {
      key: 'models',
      title: 'Models',
      isMinor: true,
      cell: ({ models }) => <span class="break">{models?.join(', ') ?? 'every one'}</span>,
    },
    {
      key: 'used',
      title: 'Last used',
      isNumber: true,
      isMinor: true,
      cell: ({ last_used_at }) => <Ago at={last_used_at} />,
    },
    {
      key: 'expires',
      title: 'Expires',
      isNumber: true,
      isMinor: true,
      cell: ({ expires_at }) => (expires_at === null ? 'never' : clock(expires_at)),
    },
    {
      key: 'revoke',
      title: '',
      cell: (key) =>
        key.state === 'active' && (
          <Button
            kind="danger"
            whyNot={whyNotAct.value}
            label={`Revoke ${key.name}`}
            onClick={() => onRevoke(key)}
          >
            Revoke
          </Button>
        ),
    },
  ];
}

function KeyBudget({ apiKey: { budget } }: { apiKey: KeyAnswer }) {
  if (budget === null) return <>no limit</>;
  const { limit_usd: max, spent_usd: spent, reserved_usd: reserved, period } = budget;
  const says = `${usd(spent)} of ${usd(max)} spent${period === 'total' ? '' : ` this ${period}`}`;
  return (
    <div class="stack-tight key-budget">
      <span class="small num">{says}</span>
      <MeterBar
        max={max}
        says={says}
        parts={[
          { name: 'spent', value: spent, tone: spent >= max ? 'over' : 'spent' },
          { name: 'reserved', value: reserved, tone: 'reserved' },
        ]}
      />
    </div>
  );
}

function ratesOf({ requests_per_minute: requests, tokens_per_minute: tokens }: KeyAnswer): string {
  const parts = [
    ...(requests === null ? [] : [`${count(requests)} requests`]),
    ...(tokens === null ? [] : [`${count(tokens)} tokens`]),
  ];
  return parts.length === 0 ? 'no limit' : parts.join(', ');
}
