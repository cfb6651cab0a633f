import type { AttemptAnswer, StatusAnswer } from '../../admin/answers.ts';
import { usd } from '../format.ts';
import { failedAttempts } from '../lifecycle.ts';
import { Shape } from './chip.tsx';

type Whose = NonNullable<AttemptAnswer['failure']>['whose'];

const WHOSE: Record<Whose, string> = {
  caller: 'what was asked for',
  host: 'the host',
  market: 'the market',
  account: 'your account',
  nobody: 'nobody',
};

/** Whose fault a failure is, in words. */
export function faultOf(whose: Whose): string {
  return WHOSE[whose];
}

/** Attempts that came to nothing, newest first, each with its reason. */
export function FailedAttempts({ status, shownMax }: { status: StatusAnswer; shownMax: number }) {
  const failed = failedAttempts(status);
  if (failed.length === 0) return null;
  const more = failed.length - shownMax;
  return (
    <ul class="failed" aria-label="Failed attempts">
      {failed.slice(0, shownMax).map(({ attempt, failure, gpu, machine_id, usd: cost }) => (
        <li key={attempt} class="row-start small">
          <span class="failed-mark">
            <Shape tone="bad" />
          </span>
          <span class="break">
            Attempt {attempt}, {gpu} on machine {machine_id}: {failure?.message}{' '}
            <span class="quiet">
              At fault: {failure === null ? '–' : faultOf(failure.whose)}. It cost {usd(cost)}.
            </span>
          </span>
        </li>
      ))}
      {more > 0 && <li class="small quiet">{more} more failed before.</li>}
    </ul>
  );
}
