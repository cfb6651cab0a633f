import type { RunRecords, Violation } from '../records.ts';
import { idleMs, type RunBooks, runsOf, violation } from './ledger-of-runs.ts';

const MARGIN_MS = 90_000;
const ROUNDING_USD = 0.001;
/** The ledger books closed sessions by our meter, which agrees with the provider's within 1 %; and their last traffic. */
const BOOKED_SHARE = 0.03;

/**
 * *No overspend*: the provider's charges of a session stay within its budget, the traffic of one meter reading, and
 * its price for the time after its budget's moment in which nothing of ours could act; and all sessions together stay
 * within the total limit, at every moment at which something was rented.
 */
export function findOverspends(records: RunRecords): Violation[] {
  const runs = runsOf(records);
  return [...runs.flatMap((run) => overItsBudget(records, run)), ...overTheLimit(records, runs)];
}

function overItsBudget(records: RunRecords, run: RunBooks): Violation[] {
  if (run.record === null) return [];
  const budgetUsd = run.record.plan.body.budget_usd;
  const spentUsd = spentBy(run);
  const overUsd = spentUsd - budgetUsd;
  if (overUsd <= ROUNDING_USD) return [];
  const allowedUsd = trafficOfOneReading(run) + outageUsd(records, run, overUsd) + ROUNDING_USD;
  if (overUsd <= allowedUsd) return [];
  return [
    violation(
      records,
      'overspend',
      run.session,
      `it cost ${usd(spentUsd)} of a budget of ${usd(budgetUsd)}; ${usd(allowedUsd)} more are allowed`,
    ),
  ];
}

/** Machines here download hundreds of times faster: all a contract fetches can lie between two readings. */
function trafficOfOneReading({ contracts, record }: RunBooks): number {
  const hedge = record?.plan.body.hedge ?? 1;
  const traffic = contracts.map(({ usd }) => usd.bandwidth).sort((a, b) => b - a);
  return traffic.slice(0, hedge).reduce((sum, one) => sum + one, 0);
}

/** From the moment its budget less the margin was reached, at its price then, to its end. */
function outageUsd(records: RunRecords, { contracts }: RunBooks, overUsd: number): number {
  const usdPerMs = contracts.reduce((most, contract) => Math.max(most, usdPerMsOf(contract)), 0);
  if (usdPerMs === 0) return 0;
  const endMs = Math.max(...contracts.map(({ destroyed_at }) => (destroyed_at ?? 0) * 1_000));
  const momentMs = endMs - overUsd / usdPerMs - MARGIN_MS;
  return usdPerMs * Math.max(0, idleMs(records, momentMs, endMs) - MARGIN_MS);
}

function usdPerMsOf({ running_at, destroyed_at, usd }: RunBooks['contracts'][number]): number {
  if (running_at === null || destroyed_at === null || destroyed_at <= running_at) return 0;
  return (usd.gpu + usd.disk) / ((destroyed_at - running_at) * 1_000);
}

/** What was held and what was spent, whenever a contract was made, against the limit that then was in force. */
function overTheLimit(records: RunRecords, runs: readonly RunBooks[]): Violation[] {
  const known = runs.filter(({ record }) => record !== null);
  for (const atMs of known.flatMap(({ contracts }) =>
    contracts.map(({ created_at }) => created_at * 1_000),
  )) {
    const limitUsd = Math.max(
      0,
      ...records.limits.filter((limit) => limit.atMs <= atMs).map(({ usd }) => usd),
    );
    let heldUsd = 0;
    let spentUsd = 0;
    let restUsd = 0;
    for (const run of known) {
      if (!run.contracts.some(({ created_at }) => created_at * 1_000 <= atMs)) continue;
      const endMs = endOf(run);
      if (endMs === null || endMs > atMs) heldUsd += run.record?.plan.body.budget_usd ?? 0;
      else {
        spentUsd += spentBy(run);
        restUsd += Math.max(...run.contracts.map(({ usd }) => usd.bandwidth)) * BOOKED_SHARE;
      }
    }
    const allowedUsd = limitUsd + spentUsd * BOOKED_SHARE + restUsd + ROUNDING_USD;
    if (heldUsd + spentUsd <= allowedUsd) continue;
    return [
      violation(
        records,
        'overspend',
        null,
        `at ${new Date(atMs).toISOString()} ${usd(heldUsd)} were held and ${usd(spentUsd)} spent, with a limit of ${usd(limitUsd)}`,
      ),
    ];
  }
  return [];
}

/** The session's own last word on money comes a moment before Temporal closes it. */
function endOf({ record, run, closedAtMs }: RunBooks): number | null {
  const receipt = record?.status?.receipt;
  if (receipt?.run === run) return Date.parse(receipt.ended_at);
  return closedAtMs;
}

export function spentBy({ contracts }: Pick<RunBooks, 'contracts'>): number {
  return contracts.reduce((sum, { usd }) => sum + usd.total, 0);
}

function usd(amount: number): string {
  return `$${amount.toFixed(4)}`;
}
