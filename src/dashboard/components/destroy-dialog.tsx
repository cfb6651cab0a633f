import type { StatusAnswer } from '../../admin/answers.ts';
import { call } from '../api.ts';
import { nowMs } from '../clock.ts';
import { duration, secondsSince, usd } from '../format.ts';
import { put } from '../live.ts';
import { useAction } from '../resource.ts';
import { spentNow } from '../spending.ts';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { ProblemNote } from './states.tsx';

type DestroyDialogProps = { readonly status: StatusAnswer | null; readonly onClose: () => void };

/** Says what will be lost and what it has cost, then gives the machine back. */
export function DestroyDialog({ status, onClose }: DestroyDialogProps) {
  return (
    <Dialog
      title={status === null ? 'Destroy' : `Destroy ${status.session}?`}
      isOpen={status !== null}
      onClose={onClose}
    >
      {status !== null && <DestroyQuestion status={status} onClose={onClose} />}
    </Dialog>
  );
}

function DestroyQuestion({ status, onClose }: { status: StatusAnswer; onClose: () => void }) {
  const destroying = useAction((session: string) =>
    call<StatusAnswer>('/api/admin/vllm/destroy', { method: 'POST', body: { session } }),
  );
  const destroy = async () => {
    const answer = await destroying.run(status.session);
    if (answer === null) return;
    put(answer);
    onClose();
  };
  return (
    <>
      <p>{whatIsLost(status)}</p>
      <p>
        It has cost <strong class="num">{usd(spentNow(status, nowMs.value))}</strong> so far
        {status.ready_at !== null &&
          ` and has served for ${duration(secondsSince(status.ready_at, nowMs.value))}`}
        . What is left of its budget is free again once the provider shows it gone.
      </p>
      {destroying.problem !== null && <ProblemNote problem={destroying.problem} />}
      <div class="row row-end">
        <Button onClick={onClose}>Keep it</Button>
        <Button kind="danger" icon="stop" isBusy={destroying.isRunning} onClick={() => void destroy()}>
          Destroy
        </Button>
      </div>
    </>
  );
}

function whatIsLost({ instance_id, gpu, model, state }: StatusAnswer): string {
  if (instance_id === null) return 'Nothing is rented yet: the launch is called off.';
  const what = `Instance ${instance_id}${gpu === null ? '' : ` (${gpu})`} and all that is on its disk are deleted`;
  return state === 'READY'
    ? `${what}; ${model} stops answering. Requests in flight are given a little time to end.`
    : `${what}; the launch is called off.`;
}
