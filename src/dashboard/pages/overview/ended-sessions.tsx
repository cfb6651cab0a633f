import { useEffect } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { SessionSummaryAnswer, SessionsAnswer } from '../../../admin/answers.ts';
import { Card } from '../../components/card.tsx';
import { OutcomeChip } from '../../components/chip.tsx';
import { Empty, Shown } from '../../components/states.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { clockMinute, duration, usd } from '../../format.ts';
import { openSessions } from '../../live.ts';
import { useResource } from '../../resource.ts';

const SHOWN = 10;
const EVERY_MS = 60_000;

const COLUMNS: readonly Column<SessionSummaryAnswer>[] = [
  {
    key: 'session',
    title: 'Session',
    cell: ({ session }) => <Link href={`/sessions/${session}`}>{session}</Link>,
  },
  { key: 'outcome', title: 'Outcome', cell: ({ outcome }) => <OutcomeChip outcome={outcome ?? 'unknown'} /> },
  {
    key: 'model',
    title: 'Model',
    isMinor: true,
    cell: ({ model }) => <span class="break">{model ?? '–'}</span>,
  },
  { key: 'gpu', title: 'GPU', isMinor: true, cell: ({ gpu }) => gpu ?? '–' },
  { key: 'lasted', title: 'Lasted', isNumber: true, isMinor: true, cell: lasted },
  { key: 'cost', title: 'Cost', isNumber: true, cell: ({ spent_usd }) => usd(spent_usd) },
  {
    key: 'ended',
    title: 'Ended',
    isNumber: true,
    isMinor: true,
    cell: ({ ended_at }) => clockMinute(ended_at),
  },
];

/** What ended last, how, and what it cost. */
export function EndedSessions() {
  const ended = useResource<SessionsAnswer>(`/api/admin/sessions?open=false&limit=${SHOWN}`, {
    everyMs: EVERY_MS,
  });
  const openCount = openSessions.value.length;
  useEffect(() => ended.refresh(), [openCount, ended.refresh]);
  return (
    <Card title="Ended lately">
      <Shown of={ended} lines={5}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No session has ended yet." />
          ) : (
            <Table
              caption="Sessions that ended last"
              columns={COLUMNS}
              rows={items}
              keyOf={({ session, run, started_at }) => run ?? `${session} ${started_at}`}
            />
          )
        }
      </Shown>
    </Card>
  );
}

function lasted({ started_at, ended_at }: SessionSummaryAnswer): string {
  return ended_at === null ? '–' : duration((Date.parse(ended_at) - Date.parse(started_at)) / 1_000);
}
