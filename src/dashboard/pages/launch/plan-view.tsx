import { useState } from 'preact/hooks';
import type { PlanAnswer } from '../../../admin/answers.ts';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Empty, Loading, Note, ProblemNote } from '../../components/states.tsx';
import { count } from '../../format.ts';
import type { Plan } from './plan.ts';
import { PlanForecast } from './plan-forecast.tsx';
import { PlanOffers } from './plan-offers.tsx';
import { PlanRejected } from './plan-rejected.tsx';

const SHOWN_AT_FIRST = 6;

/** What the launch would do, of now. */
export function PlanView({ plan }: { plan: Plan }) {
  const { data, problem, isLoading } = plan;
  // What is wrong with a field stands at the field.
  const isOfFields = problem !== null && problem.problems.length > 0;
  return (
    <div class="stack">
      <Card
        title="Plan"
        aside={
          <span class="quiet small" role="status">
            {isLoading ? 'Asking the market…' : 'Rents nothing'}
          </span>
        }
      >
        {isOfFields && (
          <Note tone="warn">
            {data === null
              ? 'Something in the form is wrong; the plan comes once it is right.'
              : 'Something in the form is wrong; this plan is of before.'}
          </Note>
        )}
        {problem !== null && !isOfFields && <ProblemNote problem={problem} retry={plan.refresh} />}
        {data === null ? problem === null && <Loading lines={10} /> : <Forecast data={data} />}
      </Card>
      {data !== null && (
        <>
          <Offers data={data} />
          <PlanRejected rejected={data.rejected} />
        </>
      )}
    </div>
  );
}

function Forecast({ data }: { data: PlanAnswer }) {
  return (
    <>
      {data.stopped_by !== null && (
        <Note tone="bad">
          This launch would be stopped
          {data.stopped_by.checkpoint !== null && ` at checkpoint ${data.stopped_by.checkpoint}`}:{' '}
          {data.stopped_by.detail}
        </Note>
      )}
      <PlanForecast plan={data} />
    </>
  );
}

function Offers({ data }: { data: PlanAnswer }) {
  const [isWhole, setIsWhole] = useState(false);
  const { offers } = data;
  return (
    <Card
      title="Offers, in the order they would be tried"
      aside={
        <span class="quiet small num">
          {count(data.offers_fit)} of {count(data.offers_seen)} fit
        </span>
      }
    >
      {offers.length === 0 ? (
        <Empty title="No offer fits.">
          <p>What speaks against them stands below.</p>
        </Empty>
      ) : (
        <PlanOffers offers={isWhole ? offers : offers.slice(0, SHOWN_AT_FIRST)} />
      )}
      {!isWhole && offers.length > SHOWN_AT_FIRST && (
        <Button onClick={() => setIsWhole(true)}>Show {offers.length - SHOWN_AT_FIRST} more</Button>
      )}
    </Card>
  );
}
