import type { StatusAnswer } from '../../admin/answers.ts';
import { nowMs } from '../clock.ts';
import { duration } from '../format.ts';
import { type Step, stepsOf } from '../lifecycle.ts';
import { Shape } from './chip.tsx';
import { Icon } from './icon.tsx';

const STATE_WORDS: Record<Step['state'], string> = {
  done: 'done',
  current: 'under way',
  failed: 'failed',
  ahead: 'not begun',
};

/** The life of a session from left to right; on a narrow card only what is under way carries its time. */
export function Steps({ steps, label }: { steps: readonly Step[]; label: string }) {
  return (
    <ol class="steps" aria-label={label}>
      {steps.map((step) => (
        <li
          key={step.name}
          class={`step step-${step.state}`}
          aria-current={step.state === 'current' ? 'step' : undefined}
        >
          <span class="step-mark">
            <StepMark step={step} />
          </span>
          <span class="step-title">
            {step.title}
            <span class="visually-hidden">, {STATE_WORDS[step.state]}</span>
          </span>
          <span class="step-time num">{timeOf(step)}</span>
        </li>
      ))}
    </ol>
  );
}

function StepMark({ step: { state, name } }: { step: Step }) {
  if (state === 'done') return <Icon name="check" />;
  if (state === 'failed') return <Icon name="cross" />;
  if (state === 'ahead') return <Shape tone="idle" />;
  // Serving is where it wants to be; everything else under way is on its way somewhere.
  return <Shape tone={name === 'serve' ? 'good' : 'busy'} />;
}

/** `12 s`, or `12 s of ~40 s` while it lasts. */
function timeOf({ state, seconds, expectedSeconds, name }: Step): string {
  const isWaiting = state === 'current' && name !== 'serve';
  const expected = expectedSeconds === null ? '' : `~${duration(expectedSeconds)}`;
  if (seconds === null) return state === 'ahead' ? expected : '';
  return isWaiting && expected !== '' ? `${duration(seconds)} of ${expected}` : duration(seconds);
}

/** The steps of a session, counting. */
export function SessionSteps({ status }: { status: StatusAnswer }) {
  return <Steps steps={stepsOf(status, nowMs.value)} label={`Steps of ${status.session}`} />;
}
