import type { NotificationsAnswer, NotificationTestAnswer } from '../../../admin/answers.ts';
import { whyNotAct } from '../../account.ts';
import { call } from '../../api.ts';
import { Ago } from '../../components/ago.tsx';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Chip, type Tone } from '../../components/chip.tsx';
import { Empty, ProblemNote, Shown } from '../../components/states.tsx';
import { Table } from '../../components/table.tsx';
import { useAction, useResource } from '../../resource.ts';

type Notified = NotificationsAnswer['items'][number];

const TONES: Record<Notified['state'], Tone> = { delivered: 'good', pending: 'busy', failed: 'bad' };
const DEADLINE_MS = 40_000;

/** Where people are told of what happens, whether it got there, and a test of it. */
export function Notifications() {
  const told = useResource<NotificationsAnswer>('/api/admin/notifications', { everyMs: 20_000 });
  const testing = useAction(() =>
    call<NotificationTestAnswer>('/api/admin/notifications/test', {
      method: 'POST',
      deadlineMs: DEADLINE_MS,
    }).finally(told.refresh),
  );
  return (
    <Card
      title="Notifications"
      aside={
        <TestButton
          whyNot={whyNotAct.value ?? (told.data?.targets.length === 0 ? NOT_CONFIGURED : undefined)}
          testing={testing}
        />
      }
    >
      {testing.problem !== null && <ProblemNote problem={testing.problem} />}
      <Shown of={told} lines={4}>
        {({ items, targets }) => (
          <>
            <p>{targets.length === 0 ? NOT_CONFIGURED : `People are told by ${targets.join(' and ')}.`}</p>
            {items.length === 0 ? (
              targets.length > 0 && <Empty title="Nothing was told yet." />
            ) : (
              <NotifiedTable items={items} />
            )}
          </>
        )}
      </Shown>
    </Card>
  );
}

const NOT_CONFIGURED = 'Nobody is told: set LEASH_WEBHOOK_URL or LEASH_SLACK_WEBHOOK_URL.';

type TestButtonProps = {
  readonly whyNot: string | undefined;
  readonly testing: { readonly isRunning: boolean; run(): Promise<unknown> };
};

function TestButton({ whyNot, testing }: TestButtonProps) {
  return (
    <Button whyNot={whyNot} isBusy={testing.isRunning} onClick={() => void testing.run()}>
      Send a test
    </Button>
  );
}

function NotifiedTable({ items }: { items: readonly Notified[] }) {
  return (
    <Table
      caption="Notifications"
      columns={[
        {
          key: 'at',
          title: 'When',
          cell: ({ at }) => (
            <span class="nowrap">
              <Ago at={at} />
            </span>
          ),
        },
        { key: 'title', title: 'What', cell: ({ title }) => title },
        { key: 'state', title: 'Delivery', cell: ({ state }) => <Chip tone={TONES[state]}>{state}</Chip> },
        {
          key: 'detail',
          title: 'Answers',
          isMinor: true,
          cell: ({ detail }) => <span class="break small">{detail}</span>,
        },
      ]}
      rows={items}
      keyOf={({ id }) => id}
    />
  );
}
