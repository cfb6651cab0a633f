import type { AttemptAnswer } from '../../../admin/answers.ts';
import { Card } from '../../components/card.tsx';
import { Chip, type Tone } from '../../components/chip.tsx';
import { faultOf } from '../../components/failed-attempts.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { duration, usd, usdPerHour } from '../../format.ts';

const COLUMNS: readonly Column<AttemptAnswer>[] = [
  { key: 'attempt', title: 'Attempt', cell: ({ attempt }) => attempt },
  { key: 'phase', title: 'Now', cell: (attempt) => <PhaseChip attempt={attempt} /> },
  { key: 'gpu', title: 'GPU', cell: ({ gpu }) => <span class="nowrap">{gpu}</span> },
  { key: 'machine', title: 'Machine', isNumber: true, cell: ({ machine_id }) => machine_id },
  {
    key: 'instance',
    title: 'Instance',
    isNumber: true,
    isMinor: true,
    cell: ({ instance_id }) => instance_id ?? '–',
  },
  {
    key: 'price',
    title: 'Price',
    isNumber: true,
    isMinor: true,
    cell: ({ usd_per_hour }) => usdPerHour(usd_per_hour),
  },
  { key: 'ready', title: 'To READY', isNumber: true, cell: toReady },
  { key: 'cost', title: 'Cost', isNumber: true, cell: ({ usd: cost }) => usd(cost) },
  {
    key: 'why',
    title: 'Why it failed',
    // Said above the table too, with the steps.
    isMinor: true,
    cell: ({ failure }) =>
      failure !== null && (
        <span class="break">
          {failure.message} <span class="quiet">At fault: {faultOf(failure.whose)}.</span>
        </span>
      ),
  },
];

/** Every host that was tried, newest first. */
export function Attempts({ attempts }: { attempts: readonly AttemptAnswer[] }) {
  return (
    <Card title="Attempts">
      <Table
        caption="Attempts"
        columns={attempts.some(({ failure }) => failure !== null) ? COLUMNS : COLUMNS.slice(0, -1)}
        rows={[...attempts].reverse()}
        keyOf={({ attempt }) => attempt}
      />
    </Card>
  );
}

function toReady({ started_at, ready_at, expected_ready_seconds }: AttemptAnswer): string {
  const expected = expected_ready_seconds === null ? '' : ` of ~${duration(expected_ready_seconds)}`;
  if (ready_at === null) return '–';
  return `${duration((Date.parse(ready_at) - Date.parse(started_at)) / 1_000)}${expected}`;
}

const PHASE_WORDS: Record<string, [Tone, string]> = {
  granting: ['busy', 'Asking the budget'],
  creating: ['busy', 'Renting'],
  settling: ['warn', 'Looking whether it was rented'],
  booting: ['busy', 'Booting'],
  'starting-vllm': ['busy', 'Starting vLLM'],
  ready: ['good', 'Ready'],
  destroying: ['warn', 'Giving back'],
  gone: ['idle', 'Gone'],
};

function PhaseChip({ attempt: { phase, failure } }: { attempt: AttemptAnswer }) {
  const [tone, word] = PHASE_WORDS[phase] ?? ['idle', phase];
  return (
    <Chip tone={failure === null ? tone : 'bad'}>
      {failure === null ? word : `Failed, ${word.toLowerCase()}`}
    </Chip>
  );
}
