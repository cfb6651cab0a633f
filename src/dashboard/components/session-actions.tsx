import { signal } from '@preact/signals';
import { Link } from 'wouter-preact';
import type { StatusAnswer } from '../../admin/answers.ts';
import { whyNotAct } from '../account.ts';
import { sessions } from '../live.ts';
import { Button } from './button.tsx';
import { DestroyDialog } from './destroy-dialog.tsx';
import { ExtendDialog } from './extend-dialog.tsx';
import { Icon } from './icon.tsx';

/** What is asked about which session: one dialog for all cards. */
const asked = signal<{ readonly about: 'extend' | 'destroy'; readonly status: StatusAnswer } | null>(null);

export function SessionActions({ status }: { status: StatusAnswer }) {
  if (status.state === 'IDLE') return <LaunchAgain status={status} />;
  return (
    <div class="row actions">
      <Button
        icon="clock"
        whyNot={whyNotAct.value ?? whyNotExtend(status)}
        onClick={() => {
          asked.value = { about: 'extend', status };
        }}
        label={`Extend ${status.session}`}
      >
        Extend
      </Button>
      <Button
        icon="stop"
        kind="danger"
        whyNot={whyNotAct.value ?? whyNotDestroy(status)}
        onClick={() => {
          asked.value = { about: 'destroy', status };
        }}
        label={`Destroy ${status.session}`}
      >
        Destroy
      </Button>
    </div>
  );
}

function LaunchAgain({ status: { session, model } }: { status: StatusAnswer }) {
  const asked = new URLSearchParams({ session, ...(model !== null && { model }) });
  return (
    <Link class="button" href={`/launch?${asked}`}>
      <Icon name="launch" />
      Launch again
    </Link>
  );
}

/** Stands once in the frame. What it shows of the session follows what is told meanwhile. */
export function SessionDialogs() {
  const now = asked.value;
  const close = () => {
    asked.value = null;
  };
  const status = now === null ? null : (sessions.value.get(now.status.session) ?? now.status);
  return (
    <>
      <ExtendDialog status={now?.about === 'extend' ? status : null} onClose={close} />
      <DestroyDialog status={now?.about === 'destroy' ? status : null} onClose={close} />
    </>
  );
}

function whyNotExtend({ state }: StatusAnswer): string | undefined {
  return state === 'DESTROYING' ? 'It is being given back.' : undefined;
}

function whyNotDestroy({ state }: StatusAnswer): string | undefined {
  return state === 'DESTROYING' ? 'It is being given back already.' : undefined;
}
