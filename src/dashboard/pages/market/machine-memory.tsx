import type { MachineAnswer, MachinesAnswer } from '../../../admin/answers.ts';
import { whyNotAct } from '../../account.ts';
import { call } from '../../api.ts';
import { Ago, Until } from '../../components/ago.tsx';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Chip, type Tone } from '../../components/chip.tsx';
import { Empty, ProblemNote, Shown } from '../../components/states.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { useAction, useResource } from '../../resource.ts';

const TONES: Record<MachineAnswer['standing'], Tone> = { avoided: 'bad', doubtful: 'warn', proven: 'good' };

/** What earlier sessions made of machines, and how long that counts. */
export function MachineMemory() {
  const machines = useResource<MachinesAnswer>('/api/admin/machines');
  const forgetting = useAction(async (machineId: number) => {
    await call(`/api/admin/machines/${machineId}`, { method: 'DELETE' });
    machines.refresh();
  });
  return (
    <Card title="What is remembered of machines">
      {forgetting.problem !== null && <ProblemNote problem={forgetting.problem} />}
      <Shown of={machines} lines={4}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No machine is remembered yet.">
              <p>A machine that fails a launch is avoided for a time; one that serves scores better.</p>
            </Empty>
          ) : (
            <Table
              caption="Machines"
              columns={columnsOf((machineId) => void forgetting.run(machineId))}
              rows={items}
              keyOf={({ machine_id }) => machine_id}
            />
          )
        }
      </Shown>
    </Card>
  );
}

function columnsOf(forget: (machineId: number) => void): readonly Column<MachineAnswer>[] {
  return [
    { key: 'machine', title: 'Machine', cell: ({ machine_id }) => machine_id },
    {
      key: 'standing',
      title: 'Standing',
      cell: ({ standing, avoided_until, failures: [last] }) => (
        <div class="stack-tight">
          <div>
            <Chip tone={TONES[standing]}>{standing}</Chip>
            {avoided_until !== null && (
              <span class="quiet small">
                {' '}
                ends <Until at={avoided_until} />
              </span>
            )}
          </div>
          {last !== undefined && (
            <p class="small">
              {last.message}{' '}
              <span class="quiet nowrap">
                <Ago at={last.at} />
              </span>
            </p>
          )}
        </div>
      ),
    },
    {
      key: 'ready',
      title: 'Times READY',
      isNumber: true,
      isMinor: true,
      cell: ({ times_ready }) => times_ready,
    },
    {
      key: 'served',
      title: 'Served',
      isNumber: true,
      isMinor: true,
      cell: ({ hours_served }) => `${hours_served.toFixed(1)} h`,
    },
    {
      key: 'forget',
      title: '',
      cell: ({ machine_id }) => (
        <Button
          whyNot={whyNotAct.value}
          label={`Forget machine ${machine_id}`}
          onClick={() => forget(machine_id)}
        >
          Forget
        </Button>
      ),
    },
  ];
}
