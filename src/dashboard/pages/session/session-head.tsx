import type { StatusAnswer } from '../../../admin/answers.ts';
import { account } from '../../account.ts';
import { OutcomeChip, StateChip } from '../../components/chip.tsx';
import { Icon } from '../../components/icon.tsx';
import { SessionActions } from '../../components/session-actions.tsx';
import { Note } from '../../components/states.tsx';
import { duration } from '../../format.ts';

export function SessionHead({ status }: { status: StatusAnswer }) {
  const unconfirmed = status.unconfirmed_for_seconds;
  const workflow = workflowUrl(status.session);
  return (
    <div class="stack-tight">
      <div class="page-head">
        <div class="row">
          <h1 class="break">{status.session}</h1>
          <span aria-live="polite">
            {status.outcome === null ? (
              <StateChip status={status} />
            ) : (
              <OutcomeChip outcome={status.outcome} />
            )}
          </span>
        </div>
        <SessionActions status={status} />
      </div>
      <div class="row row-between">
        <p class="quiet break" aria-live="polite">
          {status.detail}
        </p>
        {workflow !== null && (
          <a class="row small" href={workflow} target="_blank" rel="noreferrer">
            Workflow in Temporal
            <Icon name="outward" />
          </a>
        )}
      </div>
      {unconfirmed !== null && unconfirmed > 0 && (
        <Note tone="warn">
          The provider has not confirmed for {duration(unconfirmed)} that it is gone. It is asked again until
          it does; what it bills meanwhile is counted.
        </Note>
      )}
    </div>
  );
}

function workflowUrl(session: string): string | null {
  const base = account.value?.temporal_ui_url ?? null;
  return base === null ? null : `${base}/workflows/${encodeURIComponent(`session/${session}`)}`;
}
