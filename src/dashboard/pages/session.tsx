import { useEffect } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { StatusAnswer } from '../../admin/answers.ts';
import { Card } from '../components/card.tsx';
import { FailedAttempts } from '../components/failed-attempts.tsx';
import { Empty, Loading, ProblemNote } from '../components/states.tsx';
import { SessionSteps } from '../components/steps.tsx';
import { put, sessions } from '../live.ts';
import { usePageTitle } from '../page-title.ts';
import { useResource } from '../resource.ts';
import { useSamples } from '../samples.ts';
import { Attempts } from './session/attempts.tsx';
import { CostChart } from './session/cost-chart.tsx';
import { LoadCharts } from './session/load-charts.tsx';
import { SessionFacts } from './session/session-facts.tsx';
import { SessionHead } from './session/session-head.tsx';
import { SessionLog } from './session/session-log.tsx';
import { SessionReceipt } from './session/session-receipt.tsx';
import { Timeline } from './session/timeline.tsx';

/** One session: what it does now, what it has cost, all that happened. */
export function SessionPage({ name }: { name: string }) {
  usePageTitle(name);
  const found = useResource<StatusAnswer>(`/api/admin/vllm/status?session=${encodeURIComponent(name)}`);
  useEffect(() => {
    if (found.data !== null) put(found.data);
  }, [found.data]);
  const status = sessions.value.get(name) ?? found.data;
  if (status === null) {
    return (
      <>
        <h1>{name}</h1>
        {found.problem === null ? (
          <Loading lines={8} />
        ) : (
          <ProblemNote problem={found.problem} retry={found.refresh} />
        )}
      </>
    );
  }
  return status.started_at === null ? <NeverLaunched name={name} /> : <Known status={status} />;
}

function NeverLaunched({ name }: { name: string }) {
  return (
    <>
      <h1>{name}</h1>
      <Card>
        <Empty title={`No session is called ${name}.`}>
          <p>It was never launched, or it ended so long ago that Temporal has forgotten it.</p>
          <Link class="button" href="/launch">
            Launch one
          </Link>
        </Empty>
      </Card>
    </>
  );
}

function Known({ status }: { status: StatusAnswer }) {
  const samples = useSamples(status);
  return (
    <>
      <SessionHead status={status} />
      <Card>
        <SessionSteps status={status} />
        <FailedAttempts status={status} shownMax={3} />
        <SessionFacts status={status} />
      </Card>
      {status.receipt !== null && <SessionReceipt receipt={status.receipt} />}
      <div class="grid-halves">
        <CostChart status={status} samples={samples} />
        <LoadCharts samples={samples} />
      </div>
      {status.attempts.length > 0 && <Attempts attempts={status.attempts} />}
      <div class="grid-halves">
        <Timeline status={status} />
        <SessionLog status={status} />
      </div>
    </>
  );
}
