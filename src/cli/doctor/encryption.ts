import type { Client } from '@temporalio/client';
import { withDeadline } from '../../temporal/connection.ts';
import { decodeMessage } from '../../temporal/data-converter.ts';
import { PayloadUnreadable } from '../../temporal/payload-codec.ts';
import { PayloadKeys } from '../../temporal/payload-keys.ts';
import { broken, type Check, fine, reason, warning } from './check.ts';

const NAME = 'encryption';
const CALL_MS = 5_000;

/** Whether payloads are encrypted and with which key; `keys` are none where the file cannot be used. */
export function checkEncryption(file: string | undefined): { check: Check; keys: PayloadKeys } {
  try {
    const keys = new PayloadKeys(file);
    return { check: checkKeys(keys), keys };
  } catch (error) {
    return {
      check: broken(NAME, reason(error), 'docs/encryption.md says what the file holds.'),
      keys: new PayloadKeys(),
    };
  }
}

function checkKeys(keys: PayloadKeys): Check {
  if (!keys.isOn) return fine(NAME, 'Off: whoever administers Temporal can read what it stores.');
  const { encrypting, byId } = keys.ring;
  const known = [...byId.keys()].join(', ');
  if (encrypting !== null) return fine(NAME, `Key ${encrypting.id} encrypts; ${known} can be read.`);
  return warning(
    NAME,
    `The file begins with \`none\`: what is new is not encrypted; ${known || 'no key'} can be read.`,
    'Once every process has the file, take that line away.',
  );
}

/** Whether what the newest session left in Temporal can be read with the keys that are here. */
export async function checkReadable(client: Client): Promise<Check> {
  const name = 'stored payloads';
  try {
    return await withDeadline(client, 2 * CALL_MS, async () => {
      const sessions = client.workflow.list({ query: "WorkflowType = 'gpuSession'", pageSize: 1 });
      for await (const { workflowId, runId } of sessions) {
        const { events } = await decodeMessage(
          client,
          await client.workflow.getHandle(workflowId, runId).fetchHistory(),
        );
        return fine(name, `All ${events?.length ?? 0} events of ${workflowId} can be read.`);
      }
      return fine(name, 'There are no sessions yet.');
    });
  } catch (error) {
    if (!(error instanceof PayloadUnreadable)) throw error;
    return broken(name, error.message, 'docs/encryption.md says what to do about a key that is lost.');
  }
}
