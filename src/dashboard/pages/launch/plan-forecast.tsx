import type { PlanAnswer } from '../../../admin/answers.ts';
import { Fact } from '../../components/card.tsx';
import { span, usd, usdPerHour } from '../../format.ts';

/** The first offer's cost in parts, the time to READY, and the most that it can come to. */
export function PlanForecast({ plan }: { plan: PlanAnswer }) {
  const { first, forecast, worst_case, checkpoints } = plan;
  return (
    <>
      {first !== null && forecast !== null && (
        <>
          <p>
            <strong>{first.gpu}</strong> for <strong class="num">{usdPerHour(first.usd_per_hour)}</strong> on
            machine {first.machine_id}
            {first.country !== null && ` in ${first.country}`}, serving {first.serving.model}.
          </p>
          <dl class="facts">
            <Fact name="To READY">{span(forecast.minutes_to_ready * 60)}</Fact>
            <Fact name="Spent at READY">{usd(forecast.at_ready_usd)}</Fact>
            <Fact name={`One keep-alive (${span(plan.keep_alive_minutes * 60)})`}>
              <strong>{usd(forecast.total_usd)}</strong>
            </Fact>
            <Fact name="At most, ever">
              <strong>{usd(worst_case.at_most_usd)}</strong>
            </Fact>
          </dl>
          <Parts forecast={forecast} />
        </>
      )}
      <p class="small quiet">{reach(checkpoints)}</p>
      <Reservation reservation={checkpoints.reservation} />
    </>
  );
}

const PARTS = [
  { key: 'gpu_usd', name: 'GPU', series: 1 },
  { key: 'storage_usd', name: 'Disk', series: 3 },
  { key: 'image_usd', name: 'Image download', series: 5 },
  { key: 'weights_usd', name: 'Weights download', series: 4 },
] as const;

function Parts({ forecast }: { forecast: NonNullable<PlanAnswer['forecast']> }) {
  return (
    <div class="stack-tight">
      <div class="parts" aria-hidden="true">
        {PARTS.map(({ key, series }) => (
          <span
            key={key}
            class={`part part-${series}`}
            style={{ width: `${(forecast[key] / forecast.total_usd) * 100}%` }}
          />
        ))}
      </div>
      <ul class="row small" aria-label="Forecast in parts">
        {PARTS.map(({ key, name, series }) => (
          <li key={key} class="num nowrap">
            <span class={`swatch part-${series}`} aria-hidden="true" /> {name} {usd(forecast[key])}
          </li>
        ))}
      </ul>
    </div>
  );
}

function reach({ running, extension }: PlanAnswer['checkpoints']): string {
  const budgetEnds = running.budget_ends_minutes_after_ready;
  const kept = extension.kept_at_most_minutes_after_ready;
  const used =
    budgetEnds === null
      ? ''
      : `In use without pause, the budget lasts ${span(budgetEnds * 60)} after READY. `;
  return kept === null
    ? used
    : `${used}It can be extended to ${span(kept * 60)} after READY, bound by its ${extension.bound_by}.`;
}

function Reservation({ reservation }: Pick<PlanAnswer['checkpoints'], 'reservation'>) {
  if (reservation === null) return null;
  const { asked_usd, limit_usd, spent_usd, reserved_usd } = reservation;
  return (
    <p class="small quiet num">
      Reserves {usd(asked_usd)}; {usd(spent_usd)} spent and {usd(reserved_usd)} reserved of {usd(limit_usd)}.
    </p>
  );
}
