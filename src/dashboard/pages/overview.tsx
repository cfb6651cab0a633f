import { Link } from 'wouter-preact';
import type { BudgetAnswer, ProvidersAnswer } from '../../admin/answers.ts';
import { Card } from '../components/card.tsx';
import { Icon } from '../components/icon.tsx';
import { Empty, Loading, Shown } from '../components/states.tsx';
import { isCaughtUp, openSessions } from '../live.ts';
import { usePageTitle } from '../page-title.ts';
import { useResource } from '../resource.ts';
import { EndedSessions } from './overview/ended-sessions.tsx';
import { OpenSessions } from './overview/open-sessions.tsx';
import { PeriodBudget } from './overview/period-budget.tsx';
import { ProvidersNow } from './overview/providers-now.tsx';

const EVERY_MS = 10_000;

export function OverviewPage() {
  usePageTitle('Overview');
  const budget = useResource<BudgetAnswer>('/api/admin/budget', { everyMs: EVERY_MS });
  const providers = useResource<ProvidersAnswer>('/api/admin/providers', { everyMs: EVERY_MS });
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        <Link class="button button-primary" href="/launch">
          <Icon name="launch" />
          Launch
        </Link>
      </div>
      <div class="grid-halves overview-top">
        <Card title="Budget">
          <Shown of={budget} lines={3}>
            {(data) => <PeriodBudget budget={data} />}
          </Shown>
        </Card>
        <Card title="Who answers now">
          <Shown of={providers} lines={3}>
            {(data) => <ProvidersNow providers={data} />}
          </Shown>
        </Card>
      </div>
      <Open />
      <EndedSessions />
    </>
  );
}

function Open() {
  if (!isCaughtUp.value) {
    return (
      <div class="overview-coming">
        <Loading lines={6} label="Loading sessions" />
      </div>
    );
  }
  if (openSessions.value.length > 0) return <OpenSessions all={openSessions.value} />;
  return (
    <Card>
      <Empty title="Nothing is rented.">
        <p>Launch a model: the page shows what it would rent and cost before anything is spent.</p>
        <Link class="button button-primary" href="/launch">
          Launch a model
        </Link>
      </Empty>
    </Card>
  );
}
