import { memo } from 'preact/compat';
import { Link } from 'wouter-preact';
import type { StatusAnswer } from '../../../admin/answers.ts';
import { nowMs } from '../../clock.ts';
import { StateChip } from '../../components/chip.tsx';
import { SessionActions } from '../../components/session-actions.tsx';
import { KeepAlive } from '../../components/session-money.tsx';
import { usd, usdPerHour } from '../../format.ts';
import { spentNow } from '../../spending.ts';

/** A line for each session. */
export function CompactSessions({ all }: { all: readonly StatusAnswer[] }) {
  return (
    <ul class="card compact">
      {all.map((status) => (
        <Line key={status.session} status={status} />
      ))}
    </ul>
  );
}

const Line = memo(function Line({ status }: { status: StatusAnswer }) {
  return (
    <li class="compact-line">
      <Link class="compact-name break" href={`/sessions/${status.session}`}>
        {status.session}
      </Link>
      <span>
        <StateChip status={status} />
      </span>
      <span class="quiet small">
        {status.gpu ?? '–'}
        {status.machine_id !== null && `, machine ${status.machine_id}`}
      </span>
      <span class="num small">{usdPerHour(status.usd_per_hour)}</span>
      <span class="num small">
        <Spent status={status} />
      </span>
      <span class="num small">
        <KeepAlive status={status} />
      </span>
      <SessionActions status={status} />
    </li>
  );
});

function Spent({ status }: { status: StatusAnswer }) {
  return (
    <>
      {usd(spentNow(status, nowMs.value))} <span class="quiet">of {usd(status.budget.limit_usd)}</span>
    </>
  );
}
