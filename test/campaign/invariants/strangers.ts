import type { RunRecords, Violation } from '../records.ts';
import { violation } from './ledger-of-runs.ts';

/** *No stranger touched*: what others rent in this account is as it was, but for what its host did to it. */
export function findTouchedStrangers(records: RunRecords): Violation[] {
  const after = new Map(records.contracts.map((contract) => [contract.id, contract]));
  return records.strangersBefore.flatMap((before) => {
    const now = after.get(before.id);
    const touches = [
      now === undefined && 'is not in the books any more',
      now?.destroy_requested_at != null && 'was sent a DELETE',
      now?.destroyed_by === 'account' && 'was destroyed',
      now !== undefined && now.label !== before.label && `had its label changed to ${now.label}`,
      // Hosts of a calm market stop nothing by themselves.
      records.profile === 'calm' &&
        now !== undefined &&
        before.state === 'running' &&
        now.state !== 'running' &&
        `is ${now.state}`,
    ].filter((touch) => typeof touch === 'string');
    return touches.map((touch) =>
      violation(
        records,
        'stranger',
        null,
        `contract ${before.id} (${before.label}) of somebody else ${touch}`,
      ),
    );
  });
}
