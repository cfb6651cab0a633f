import type { ReceiptAnswer } from '../../../src/admin/answers.ts';
import type { RunRecords, Violation } from '../records.ts';
import { type OurContract, runsOf, seconds, violation } from './ledger-of-runs.ts';

/** The workflow notes its own DELETE before it is sent: one that arrives earlier is somebody else's. */
const MOMENT_MS = 1_000;

/**
 * *Nothing of an open session is taken*: reaper and audit destroy nothing that its session holds. Part of what the
 * promise to strangers means for our own: an instance that serves is as much not theirs to end.
 *
 * Not counted is what its session gave up unseen, what a reset session forgot, and what was ended from outside.
 */
export function findTaken(records: RunRecords): Violation[] {
  return runsOf(records).flatMap((run) => {
    const receipt = run.record?.status?.receipt;
    if (receipt?.run !== run.run || receipt.outcome === 'terminated') return [];
    if (records.hands.some(({ did, session }) => did === 'reset' && session === run.session)) return [];
    return run.contracts.flatMap((contract) => {
      const earlyMs = takenEarlyByMs(contract, receipt);
      if (earlyMs <= MOMENT_MS) return [];
      const what = `contract ${contract.id} was destroyed by the account ${seconds(earlyMs)} before its session sent a DELETE`;
      return [violation(records, 'stranger', run.session, what)];
    });
  });
}

/** How long before the session's own DELETE the account's arrived; 0 where the session's was first. */
function takenEarlyByMs(contract: OurContract, receipt: ReceiptAnswer): number {
  if (contract.destroyed_by !== 'account' || contract.destroy_requested_at === null) return 0;
  const requestedMs = contract.destroy_requested_at * 1_000;
  // Its own guard asks first, and is refused now and then.
  if (contract.destroy_requested_at >= contract.parsed.expiresAtSec) return 0;
  const known = receipt.instances.find(({ instance_id }) => instance_id === contract.id);
  // What the session never saw, or gave up, was nobody's to keep.
  if (known === undefined || wasGivenUp(contract, receipt)) return 0;
  const sentMs =
    known.destroy_sent_at === null ? Date.parse(receipt.ended_at) : Date.parse(known.destroy_sent_at);
  return Math.max(0, sentMs - requestedMs);
}

function wasGivenUp({ label }: OurContract, { attempts }: ReceiptAnswer): boolean {
  return attempts.some((attempt) => attempt.label === label && attempt.failure?.kind === 'create-unknown');
}
