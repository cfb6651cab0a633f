import { useMemo } from 'preact/hooks';
import type { SamplesAnswer, StatusAnswer } from '../../../admin/answers.ts';
import { Card } from '../../components/card.tsx';
import { Empty, Shown } from '../../components/states.tsx';
import { type Series, TimeChart } from '../../components/time-chart.tsx';
import { clockMinute, usd } from '../../format.ts';
import type { Resource } from '../../resource.ts';

const HEIGHT_PX = 340;
/** The forecast is drawn for as long again as the session has run, and for half an hour at least. */
const AHEAD_SECONDS_MIN = 1_800;

/** What was spent, what will be, and the line it may not cross. */
export function CostChart({ status, samples }: { status: StatusAnswer; samples: Resource<SamplesAnswer> }) {
  return (
    <Card title="Cost against budget">
      <Shown of={samples} lines={6}>
        {(data) => <Curve status={status} data={data} />}
      </Shown>
    </Card>
  );
}

function Curve({ status, data }: { status: StatusAnswer; data: SamplesAnswer }) {
  const isOpen = status.state !== 'IDLE';
  const drawn = useMemo(() => curveOf(data, isOpen), [data, isOpen]);
  const breach = data.forecast.projected_breach_at;
  if (drawn === null)
    return <Empty title="Nothing measured yet.">A figure a minute, once it is READY.</Empty>;
  const spent = data.items.at(-1)?.spent_usd ?? 0;
  const says = `${usd(spent)} of ${usd(data.forecast.budget_usd)} spent${
    isOpen && breach !== null ? `; at this rate the budget is reached at ${clockMinute(breach)}` : ''
  }.`;
  return (
    <>
      <TimeChart
        title="Dollars"
        says={says}
        times={drawn.times}
        series={drawn.series}
        format={usd}
        heightPx={HEIGHT_PX}
      />
      <p class="small quiet num">{says}</p>
    </>
  );
}

/** Null without samples. */
function curveOf(
  { items, forecast }: SamplesAnswer,
  isOpen: boolean,
): { times: number[]; series: Series[] } | null {
  const [first, last] = [items[0], items.at(-1)];
  if (first === undefined || last === undefined) return null;
  const times = items.map(({ at }) => Date.parse(at) / 1_000);
  const lastAt = Date.parse(last.at) / 1_000;
  const rate = forecast.usd_per_hour;
  const ahead = isOpen
    ? aheadSeconds(last.spent_usd, rate, forecast.budget_usd, lastAt - (times[0] ?? lastAt))
    : 0;
  const isAhead = ahead > 0;
  if (isAhead) times.push(lastAt + ahead);
  const pad = isAhead ? [null] : [];
  const forecastValues = items.map((_, index) => (index === items.length - 1 ? last.spent_usd : null));
  return {
    times,
    series: [
      {
        label: 'Spent',
        colour: 1,
        isFilled: true,
        values: [...items.map(({ spent_usd }) => spent_usd), ...pad],
      },
      {
        label: 'Forecast',
        colour: 1,
        isDashed: true,
        values: isAhead ? [...forecastValues, last.spent_usd + (rate * ahead) / 3_600] : forecastValues,
      },
      { label: 'Budget', colour: 2, values: times.map(() => forecast.budget_usd) },
    ],
  };
}

/** Up to the moment when the budget is reached, at most. */
function aheadSeconds(spentUsd: number, usdPerHour: number, budgetUsd: number, ranSeconds: number): number {
  if (usdPerHour <= 0) return 0;
  const toBreach = ((budgetUsd - spentUsd) / usdPerHour) * 3_600;
  return Math.max(0, Math.min(toBreach, Math.max(AHEAD_SECONDS_MIN, ranSeconds)));
}
