import type { StatusAnswer } from '../../admin/answers.ts';
import { nowMs } from '../clock.ts';
import { clockMinute, duration, secondsUntil, usd } from '../format.ts';
import { spentNow } from '../spending.ts';
import { MeterBar } from './meter.tsx';

/** Spent against budget, ticking between updates, and when the budget would be reached. */
export function SessionMoney({ status }: { status: StatusAnswer }) {
  const { limit_usd } = status.budget;
  const spent = spentNow(status, nowMs.value);
  const says = `${usd(spent)} of ${usd(limit_usd)} spent`;
  return (
    <div class="stack-tight">
      <div class="row row-between small">
        <span class="num">
          <strong>{usd(spent)}</strong> <span class="quiet">of {usd(limit_usd)}</span>
        </span>
        <span class="quiet num">{breachText(status)}</span>
      </div>
      <MeterBar
        says={says}
        max={limit_usd}
        parts={[{ name: says, value: spent, tone: spent > limit_usd * 0.8 ? 'over' : 'spent' }]}
      />
    </div>
  );
}

function breachText({ budget, state }: StatusAnswer): string {
  if (state === 'IDLE') return '';
  const left = secondsUntil(budget.projected_breach_at, nowMs.value);
  if (left === null) return 'Nothing burns yet';
  return left <= 0 ? 'Budget reached' : `Budget lasts until ${clockMinute(budget.projected_breach_at)}`;
}

/** What ends the session next unless it is used or extended, counted down. */
export function KeepAlive({ status }: { status: StatusAnswer }) {
  const left = secondsUntil(status.keep_alive_until, nowMs.value);
  if (left === null) return <>–</>;
  if (left <= 0) return <>now</>;
  return (
    <span title={`Until ${clockMinute(status.keep_alive_until)}, unless it is used`}>{duration(left)}</span>
  );
}
