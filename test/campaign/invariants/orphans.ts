import type { RunRecords, Violation } from '../records.ts';
import { idleMs, type OurContract, type RunBooks, runsOf, seconds, violation } from './ledger-of-runs.ts';

/** An accepted DELETE is followed by this much of the provider's own lag at most; it lingers where it was told to. */
const LINGER_MS = 60_000;

/**
 * *No orphan*: when all have ended and reaper and audit have run, nothing of ours is alive; and no contract outlived
 * its session's end by more than the reap interval and the provider's own lag, or the audit interval where it was
 * never listed.
 */
export function findOrphans(records: RunRecords): Violation[] {
  return runsOf(records).flatMap((run) => [
    ...run.contracts.flatMap((contract) => aliveAtTheEnd(records, run, contract)),
    ...run.contracts.flatMap((contract) => outlivedItsSession(records, run, contract)),
  ]);
}

function aliveAtTheEnd(records: RunRecords, run: RunBooks, contract: OurContract): Violation[] {
  if (contract.destroyed_at !== null) return [];
  const acceptedMs = contract.destroy_accepted_at === null ? null : contract.destroy_accepted_at * 1_000;
  if (acceptedMs !== null && records.endedAtMs - acceptedMs < LINGER_MS) return [];
  // Still open: it is not over, which is another promise.
  if (run.isKnown && run.closedAtMs === null) return [];
  return [
    violation(
      records,
      'orphan',
      run.session,
      `contract ${contract.id} (${contract.label}) is ${contract.state} after everything had ended`,
    ),
  ];
}

function outlivedItsSession(records: RunRecords, run: RunBooks, contract: OurContract): Violation[] {
  const endMs = run.closedAtMs;
  const leftMs = (contract.destroy_requested_at ?? contract.destroyed_at ?? Number.POSITIVE_INFINITY) * 1_000;
  if (endMs === null || !Number.isFinite(leftMs) || leftMs <= endMs) return [];
  const { reapMs, auditMs, lagMs } = records.timing;
  const listedMs = contract.listed_at === null ? null : contract.listed_at * 1_000;
  const netMs = listedMs === null ? auditMs : reapMs + Math.max(0, listedMs - endMs);
  const allowedMs = netMs + lagMs + idleMs(records, endMs, leftMs);
  if (leftMs - endMs <= allowedMs) return [];
  return [
    violation(
      records,
      'orphan',
      run.session,
      `contract ${contract.id} outlived its session by ${seconds(leftMs - endMs)}; ${seconds(allowedMs)} are allowed`,
    ),
  ];
}
