import type { RunRecords, Violation } from '../records.ts';
import { findDoubleRents } from './double-rents.ts';
import { violation } from './ledger-of-runs.ts';
import { findLies } from './lies.ts';
import { findLimbo } from './limbo.ts';
import { findOrphans } from './orphans.ts';
import { findOverspends } from './overspends.ts';
import { findTouchedStrangers } from './strangers.ts';
import { findTaken } from './taken.ts';

/** The invariants of a campaign, over everything that is known of one run. */
export function check(records: RunRecords): Violation[] {
  return [
    ...findOrphans(records),
    ...findDoubleRents(records),
    ...findOverspends(records),
    ...findTouchedStrangers(records),
    ...findTaken(records),
    ...findLies(records),
    ...findLimbo(records),
    ...records.netFailures.map((failure) => violation(records, 'limbo', null, failure)),
    ...records.replayFailures.map(({ workflowId, runId, why }) =>
      violation(records, 'nondeterminism', null, `${workflowId} (${runId}) does not replay: ${why}`),
    ),
    ...records.leaks.map(({ where, what }) =>
      violation(records, 'secret', null, `${what} is in the ${where}`),
    ),
  ];
}
