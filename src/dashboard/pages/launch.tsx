import { useState } from 'preact/hooks';
import { useLocation, useSearchParams } from 'wouter-preact';
import type { LaunchAnswer } from '../../admin/answers.ts';
import { whyNotAct } from '../account.ts';
import { call } from '../api.ts';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { ProblemNote } from '../components/states.tsx';
import { put } from '../live.ts';
import { usePageTitle } from '../page-title.ts';
import { useAction } from '../resource.ts';
import { EMPTY_FORM, type LaunchForm, problemsByField, toLaunchBody } from './launch/launch-form.ts';
import { MainFields } from './launch/main-fields.tsx';
import { MoreFields } from './launch/more-fields.tsx';
import { usePlan } from './launch/plan.ts';
import { PlanView } from './launch/plan-view.tsx';

/** What is asked for at the left, what it would rent and cost at the right; then the button. */
export function LaunchPage() {
  usePageTitle('Launch');
  const asked = useSearchParams()[0];
  const [form, setForm] = useState<LaunchForm>(() => ({
    ...EMPTY_FORM,
    session: asked.get('session') ?? '',
    model: asked.get('model') ?? '',
  }));
  const [, go] = useLocation();
  const body = toLaunchBody(form);
  const plan = usePlan(body);
  const launching = useAction(() =>
    call<LaunchAnswer>('/api/admin/vllm/launch', { method: 'POST', body, deadlineMs: 60_000 }),
  );
  const change = (part: Partial<LaunchForm>) => {
    launching.forget();
    setForm((before) => ({ ...before, ...part }));
  };
  const launch = async (event: Event) => {
    event.preventDefault();
    if (launching.isRunning || whyNotAct.value !== undefined) return;
    const answer = await launching.run();
    if (answer === null) return;
    put(answer);
    go(`/sessions/${answer.session}`);
  };
  const problem = launching.problem ?? plan.problem;
  const problems = problemsByField(problem);
  return (
    <>
      <div class="page-head">
        <h1>Launch</h1>
      </div>
      <div class="launch">
        <form class="stack" onSubmit={launch} noValidate>
          <Card title="What to serve">
            <MainFields form={form} plan={plan.data} problems={problems} onChange={change} />
            <MoreFields form={form} tiers={plan.tiers} problems={problems} onChange={change} />
          </Card>
          {launching.problem !== null && <ProblemNote problem={launching.problem} />}
          <Button
            kind="primary"
            type="submit"
            icon="launch"
            isBusy={launching.isRunning}
            whyNot={whyNotAct.value}
          >
            Launch
          </Button>
        </form>
        <PlanView plan={plan} />
      </div>
    </>
  );
}
