import { useState } from 'preact/hooks';
import type { KeyAnswer, KeysAnswer } from '../../admin/answers.ts';
import { whyNotAct } from '../account.ts';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Empty, Shown } from '../components/states.tsx';
import { usePageTitle } from '../page-title.ts';
import { useResource } from '../resource.ts';
import { CreateKeyDialog } from './keys/create-key.tsx';
import { KeysTable } from './keys/keys-table.tsx';
import { RevokeKeyDialog } from './keys/revoke-key.tsx';

const EVERY_MS = 15_000;

export function KeysPage() {
  usePageTitle('API keys');
  const keys = useResource<KeysAnswer>('/api/admin/keys', { everyMs: EVERY_MS });
  const [isCreating, setIsCreating] = useState(false);
  const [revoking, setRevoking] = useState<KeyAnswer | null>(null);
  return (
    <>
      <div class="page-head">
        <h1>API keys</h1>
        <Button kind="primary" icon="keys" whyNot={whyNotAct.value} onClick={() => setIsCreating(true)}>
          Create a key
        </Button>
      </div>
      <Card title="Keys of the gateway">
        <Shown of={keys} lines={5}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="There is no key yet.">
                <p>
                  A key opens the gateway (<code>/v1</code>) and nothing else, with limits of its own. The
                  admin token opens it too, but opens everything.
                </p>
              </Empty>
            ) : (
              <KeysTable keys={items} onRevoke={setRevoking} />
            )
          }
        </Shown>
      </Card>
      <CreateKeyDialog isOpen={isCreating} onClose={() => setIsCreating(false)} onCreated={keys.refresh} />
      <RevokeKeyDialog apiKey={revoking} onClose={() => setRevoking(null)} onRevoked={keys.refresh} />
    </>
  );
}
