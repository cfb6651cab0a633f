import type { HoursAnswer } from '../../../admin/answers.ts';
import { whyNotAct } from '../../account.ts';
import { call } from '../../api.ts';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Empty, ProblemNote, Shown } from '../../components/states.tsx';
import { Table } from '../../components/table.tsx';
import { clockMinute } from '../../format.ts';
import { useAction, useResource } from '../../resource.ts';

/** Sessions that are launched and ended by the clock; they are made with `leash schedule add`. */
export function BusinessHours() {
  const hours = useResource<{ items: HoursAnswer[] }>('/api/admin/schedules');
  const removing = useAction(async (id: string) => {
    await call(`/api/admin/schedules/${encodeURIComponent(id)}`, { method: 'DELETE' });
    hours.refresh();
  });
  return (
    <Card title="Business hours">
      {removing.problem !== null && <ProblemNote problem={removing.problem} />}
      <Shown of={hours} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No session is launched by the clock.">
              <p>
                <code>leash schedule add</code> makes hours.
              </p>
            </Empty>
          ) : (
            <Table
              caption="Business hours"
              columns={[
                { key: 'id', title: 'Name', cell: ({ id }) => id },
                { key: 'session', title: 'Session', isMinor: true, cell: ({ session }) => session },
                {
                  key: 'when',
                  title: 'When',
                  cell: ({ days, from, to, timezone }) => `${days}, ${from} to ${to} (${timezone})`,
                },
                {
                  key: 'next',
                  title: 'Next launch',
                  cell: ({ paused, next_launch_at }) => (paused ? 'paused' : clockMinute(next_launch_at)),
                },
                {
                  key: 'remove',
                  title: '',
                  cell: ({ id }) => (
                    <Button
                      label={`Remove ${id}`}
                      whyNot={whyNotAct.value}
                      onClick={() => void removing.run(id)}
                    >
                      Remove
                    </Button>
                  ),
                },
              ]}
              rows={items}
              keyOf={({ id }) => id}
            />
          )
        }
      </Shown>
    </Card>
  );
}
