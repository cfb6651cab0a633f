import { computed } from '@preact/signals';
import type { BudgetAnswer } from '../../../admin/answers.ts';
import { nowMs } from '../../clock.ts';
import { Fact } from '../../components/card.tsx';
import { MeterBar } from '../../components/meter.tsx';
import { Note } from '../../components/states.tsx';
import { clock, clockMinute, secondsUntil, usd } from '../../format.ts';
import { openSessions } from '../../live.ts';
import { spentNow } from '../../spending.ts';

const SOON_SECONDS = 3_600;

/** The ledger counts a session as spent when it ends; until then its whole budget is reserved. */
const usedByOpen = computed(() =>
  openSessions.value.reduce((sum, status) => sum + spentNow(status, nowMs.value), 0),
);

/** The money of the period: gone, promised to sessions, free. */
export function PeriodBudget({ budget }: { budget: BudgetAnswer }) {
  const { limit_usd, spent_usd, reserved_usd, free_usd, alerts, projected_breach_at } = budget;
  const newest = alerts.at(-1);
  const used = usedByOpen.value;
  const left = secondsUntil(projected_breach_at, nowMs.value);
  return (
    <div class="stack-tight">
      <MeterBar
        says={`${usd(spent_usd)} spent and ${usd(reserved_usd)} reserved of ${usd(limit_usd)}`}
        max={limit_usd}
        parts={[
          { name: `${usd(spent_usd)} spent`, value: spent_usd, tone: 'spent' },
          { name: `${usd(used)} used of what is reserved`, value: used, tone: 'spent' },
          { name: `${usd(reserved_usd)} reserved`, value: reserved_usd - used, tone: 'reserved' },
        ]}
      />
      <dl class="facts facts-narrow">
        <Fact name="Spent">{usd(spent_usd)}</Fact>
        <Fact name="Reserved">
          {usd(reserved_usd)}
          {used > 0 && <span class="quiet small block">{usd(used)} used</span>}
        </Fact>
        <Fact name="Free">{usd(free_usd)}</Fact>
        <Fact name={`Limit, ${periodWord(budget.period)}`}>{usd(limit_usd)}</Fact>
      </dl>
      {left !== null &&
        (left < SOON_SECONDS ? (
          <Note tone="warn">
            At what burns now the limit is reached at {clockMinute(projected_breach_at)}.
          </Note>
        ) : (
          <p class="small quiet">
            At what burns now the limit is reached at {clockMinute(projected_breach_at)}.
          </p>
        ))}
      {newest !== undefined && (
        <p class="small quiet">
          {newest.detail} <span class="num">{clock(newest.at)}</span>
        </p>
      )}
    </div>
  );
}

function periodWord(period: string): string {
  if (period === 'month') return 'this month';
  return period === 'none' ? 'no period' : `every ${period}`;
}
