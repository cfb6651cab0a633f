import type { BudgetAnswer } from '../../../admin/answers.ts';
import { Fact } from '../../components/card.tsx';
import { MeterBar } from '../../components/meter.tsx';
import { Note } from '../../components/states.tsx';
import { clock, usd } from '../../format.ts';

/** The money of the period: gone, promised to sessions, free. */
export function PeriodBudget({ budget }: { budget: BudgetAnswer }) {
  const { limit_usd, spent_usd, reserved_usd, free_usd, alerts, projected_breach_at } = budget;
  const newest = alerts.at(-1);
  return (
    <div class="stack-tight">
      <MeterBar
        says={`${usd(spent_usd)} spent and ${usd(reserved_usd)} reserved of ${usd(limit_usd)}`}
        max={limit_usd}
        parts={[
          { name: `${usd(spent_usd)} spent`, value: spent_usd, tone: 'spent' },
          { name: `${usd(reserved_usd)} reserved`, value: reserved_usd, tone: 'reserved' },
        ]}
      />
      <dl class="facts facts-narrow">
        <Fact name="Spent">{usd(spent_usd)}</Fact>
        <Fact name="Reserved">{usd(reserved_usd)}</Fact>
        <Fact name="Free">{usd(free_usd)}</Fact>
        <Fact name={`Limit (${periodWord(budget.period)})`}>{usd(limit_usd)}</Fact>
      </dl>
      {projected_breach_at !== null && (
        <Note tone="warn">At what burns now the limit is reached at {clock(projected_breach_at)}.</Note>
      )}
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
