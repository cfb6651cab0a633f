import type { RunRecords, Violation } from '../records.ts';
import { idleMs, type OurContract, type RunBooks, runsOf, violation } from './ledger-of-runs.ts';

/**
 * *No double rent*: at no instant has a session more than `hedge` contracts for which no DELETE has arrived, and no
 * label is ever rented twice.
 *
 * Not counted is a create that was given up unseen, because the market did not list it while it was looked up, until
 * it has been listed for a reap interval; and for as long what a session held before it was reset from outside, whose
 * new run knows nothing of it.
 */
export function findDoubleRents(records: RunRecords): Violation[] {
  return runsOf(records).flatMap((run) => [...sameLabel(records, run), ...together(records, run)]);
}

function sameLabel(records: RunRecords, run: RunBooks): Violation[] {
  const byLabel = Map.groupBy(run.contracts, ({ label }) => label ?? '');
  return [...byLabel]
    .filter(([, contracts]) => contracts.length > 1)
    .map(([label, contracts]) =>
      violation(
        records,
        'double-rent',
        run.session,
        `${label} was rented ${contracts.length} times: contracts ${contracts.map(({ id }) => id).join(', ')}`,
      ),
    );
}

function together(records: RunRecords, run: RunBooks): Violation[] {
  const hedge = run.record?.plan.body.hedge ?? 1;
  for (const newest of run.contracts) {
    const at = newest.created_at;
    const held = run.contracts.filter(
      (contract) =>
        contract.created_at <= at &&
        (contract.destroy_requested_at ?? contract.destroyed_at ?? Number.POSITIVE_INFINITY) > at &&
        (contract === newest || !isExcused(records, run, contract, at * 1_000)),
    );
    if (held.length <= hedge) continue;
    const ids = held.map(({ id, parsed }) => `${id} (attempt ${parsed.attempt})`).join(', ');
    return [
      violation(
        records,
        'double-rent',
        run.session,
        `${held.length} contracts at once, ${hedge} wanted: ${ids}`,
      ),
    ];
  }
  return [];
}

function isExcused(records: RunRecords, run: RunBooks, contract: OurContract, atMs: number): boolean {
  const { settleMs, reapMs, lagMs } = records.timing;
  const isWithinNet = (sinceMs: number) => atMs <= sinceMs + reapMs + lagMs + idleMs(records, sinceMs, atMs);
  const wasUnseen =
    contract.listed_at === null || contract.listed_at >= contract.created_at + (settleMs / 1_000) * 0.8;
  if (wasUnseen && (contract.listed_at === null || isWithinNet(contract.listed_at * 1_000))) return true;
  return records.hands.some(
    ({ did, session, atMs: resetMs }) =>
      did === 'reset' &&
      session === run.session &&
      resetMs >= contract.created_at * 1_000 - lagMs &&
      resetMs <= atMs &&
      isWithinNet(resetMs),
  );
}
