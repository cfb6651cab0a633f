import { useState } from 'preact/hooks';
import type { StatusAnswer } from '../../admin/answers.ts';
import { call } from '../api.ts';
import { nowMs } from '../clock.ts';
import { clockMinute, duration, span, usd, usdPerHour } from '../format.ts';
import { put } from '../live.ts';
import { useAction } from '../resource.ts';
import { spentNow } from '../spending.ts';
import { Button } from './button.tsx';
import { Fact } from './card.tsx';
import { Dialog } from './dialog.tsx';
import { Field } from './field.tsx';
import { Note, ProblemNote } from './states.tsx';

const CHOICES_MINUTES = [15, 30, 60, 120];
const MS_PER_MINUTE = 60_000;

type ExtendDialogProps = { readonly status: StatusAnswer | null; readonly onClose: () => void };

/** How much longer, and what that costs, before it is asked for. */
export function ExtendDialog({ status, onClose }: ExtendDialogProps) {
  return (
    <Dialog
      title={status === null ? 'Extend' : `Extend ${status.session}`}
      isOpen={status !== null}
      onClose={onClose}
    >
      {status !== null && <ExtendForm status={status} onClose={onClose} />}
    </Dialog>
  );
}

function ExtendForm({ status, onClose }: { status: StatusAnswer; onClose: () => void }) {
  const [given, setGiven] = useState('30');
  const extending = useAction((minutes: number) =>
    call<StatusAnswer>('/api/admin/vllm/extend', {
      method: 'POST',
      body: { session: status.session, additional_minutes: minutes },
    }),
  );
  const minutes = Number(given);
  const isSound = given.trim() !== '' && Number.isFinite(minutes) && minutes > 0;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isSound || extending.isRunning) return;
    const answer = await extending.run(minutes);
    if (answer === null) return;
    put(answer);
    onClose();
  };
  return (
    <form class="stack" onSubmit={submit}>
      <Field
        label="Minutes more"
        problem={isSound ? undefined : 'A number above 0, minutes'}
        hint="Added to the time it serves without use."
      >
        {(wiring) => (
          <input
            {...wiring}
            inputMode="decimal"
            value={given}
            onInput={(event) => setGiven(event.currentTarget.value)}
          />
        )}
      </Field>
      <fieldset class="row bare" aria-label="Common choices">
        {CHOICES_MINUTES.map((choice) => (
          <Button key={choice} onClick={() => setGiven(String(choice))}>
            {choice} min
          </Button>
        ))}
      </fieldset>
      <ExtendCost status={status} minutes={isSound ? minutes : 0} />
      {extending.problem !== null && <ProblemNote problem={extending.problem} />}
      <div class="row row-end">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" isBusy={extending.isRunning} disabled={!isSound}>
          Extend by {isSound ? span(minutes * 60) : '…'}
        </Button>
      </div>
    </form>
  );
}

function ExtendCost({ status, minutes }: { status: StatusAnswer; minutes: number }) {
  const { budget, keep_alive_until, usd_per_hour } = status;
  const rate = usd_per_hour ?? 0;
  const left = Math.max(0, budget.limit_usd - spentNow(status, nowMs.value));
  const until = keep_alive_until === null ? null : Date.parse(keep_alive_until) + minutes * MS_PER_MINUTE;
  const breach = budget.projected_breach_at;
  const isBeyond = until !== null && breach !== null && until > Date.parse(breach);
  return (
    <>
      <dl class="facts facts-sunken">
        <Fact name={`Costs at most, at ${usdPerHour(usd_per_hour)}`}>{usd((rate * minutes) / 60)}</Fact>
        <Fact name="Left of the budget">
          {usd(left)}
          {rate > 0 && ` (${duration((left / rate) * 3_600)})`}
        </Fact>
        <Fact name="Serves until">
          {until === null ? 'set when READY' : clockMinute(new Date(until).toISOString())}
        </Fact>
        <Fact name="Lifetime ends">{clockMinute(status.lifetime_until)}</Fact>
      </dl>
      {isBeyond && (
        <Note tone="warn">
          The budget is reached at {clockMinute(breach)}, before that: this will be refused.
        </Note>
      )}
    </>
  );
}
