import type { KeyAnswer } from '../../../admin/answers.ts';
import { call } from '../../api.ts';
import { Button } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { ProblemNote } from '../../components/states.tsx';
import { useAction } from '../../resource.ts';

type RevokeKeyProps = {
  readonly apiKey: KeyAnswer | null;
  readonly onClose: () => void;
  readonly onRevoked: () => void;
};

export function RevokeKeyDialog({ apiKey, onClose, onRevoked }: RevokeKeyProps) {
  const revoking = useAction((id: string) =>
    call<KeyAnswer>(`/api/admin/keys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  );
  const revoke = async () => {
    if (apiKey === null || (await revoking.run(apiKey.id)) === null) return;
    onRevoked();
    onClose();
  };
  return (
    <Dialog title={`Revoke ${apiKey?.name ?? ''}?`} isOpen={apiKey !== null} onClose={onClose}>
      <p>
        Requests with it are refused from the next second on. It cannot be taken back: who needs one again
        gets a new key.
      </p>
      {revoking.problem !== null && <ProblemNote problem={revoking.problem} />}
      <div class="row row-end">
        <Button onClick={onClose}>Keep it</Button>
        <Button kind="danger" isBusy={revoking.isRunning} onClick={() => void revoke()}>
          Revoke
        </Button>
      </div>
    </Dialog>
  );
}
