import { useState } from 'preact/hooks';
import type { ReapAnswer } from '../../../admin/answers.ts';
import { whyNotAct } from '../../account.ts';
import { call } from '../../api.ts';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { ProblemNote } from '../../components/states.tsx';
import { useAction } from '../../resource.ts';

/** The reaper's own patience is 90 s. */
const DEADLINE_MS = 110_000;

function reap(dryRun: boolean): Promise<ReapAnswer> {
  const body = { dry_run: dryRun };
  return call<ReapAnswer>('/api/admin/reap', { method: 'POST', body, deadlineMs: DEADLINE_MS });
}

function Verdicts({ of }: { of: ReapAnswer['left'] }) {
  return (
    <ul class="lines">
      {of.map(({ instance_id, why }) => (
        <li key={instance_id}>
          <strong class="num">{instance_id}</strong>: {why}
        </li>
      ))}
    </ul>
  );
}

function instances(found: number): string {
  return found === 1 ? '1 instance' : `${found} instances`;
}

/** Looks first and says what it would destroy; destroys when that was confirmed. */
export function ReapNow({ onDone }: { onDone: () => void }) {
  const [looked, setLooked] = useState<ReapAnswer | null>(null);
  const [done, setDone] = useState<ReapAnswer | null>(null);
  const looking = useAction(() => reap(true));
  const reaping = useAction(() => reap(false));
  const look = async () => {
    setDone(null);
    setLooked(await looking.run());
  };
  const destroy = async () => {
    const answer = await reaping.run();
    if (answer === null) return;
    setLooked(null);
    setDone(answer);
    onDone();
  };
  return (
    <Card
      title="Look now"
      aside={
        <Button whyNot={whyNotAct.value} isBusy={looking.isRunning} onClick={() => void look()}>
          What would the reaper do?
        </Button>
      }
    >
      {looking.problem !== null && <ProblemNote problem={looking.problem} />}
      <p aria-live="polite">
        {done === null
          ? 'Asks the provider now. Nothing is destroyed before you confirm it.'
          : `${instances(done.found)} found, ${done.destroyed.length} destroyed and seen gone, ${done.left.length} left.`}
      </p>
      <Dialog title="What the reaper would do" isOpen={looked !== null} onClose={() => setLooked(null)}>
        {looked !== null && (
          <>
            <p>
              {instances(looked.found)} of ours found, {looked.left.length} kept.{' '}
              {looked.destroyed.length === 0
                ? 'Nothing would be destroyed.'
                : `${looked.destroyed.length} would be destroyed:`}
            </p>
            <Verdicts of={looked.destroyed} />
            {looked.left.length > 0 && (
              <details>
                <summary>Why the others are kept</summary>
                <Verdicts of={looked.left} />
              </details>
            )}
            {reaping.problem !== null && <ProblemNote problem={reaping.problem} />}
            <div class="row row-end">
              <Button onClick={() => setLooked(null)}>Close</Button>
              {looked.destroyed.length > 0 && (
                <Button kind="danger" icon="stop" isBusy={reaping.isRunning} onClick={() => void destroy()}>
                  Destroy {looked.destroyed.length}
                </Button>
              )}
            </div>
          </>
        )}
      </Dialog>
    </Card>
  );
}
