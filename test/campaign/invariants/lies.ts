import type { ReceiptAnswer } from '../../../src/admin/answers.ts';
import type { RunRecords, Sighting, Violation } from '../records.ts';
import { idleMs, type OurContract, oursOf, type RunBooks, runsOf, violation } from './ledger-of-runs.ts';

/** Clocks are one machine's; what is written a moment later than it happened is no lie. */
const MOMENT_MS = 1_500;
/** Three looks of supervision, and what confirms them. */
const NOTICE_MS = 30_000;
const ROUNDING_USD = 0.0005;

/** *No lie*: nothing was reported destroyed, READY or refused that the books contradict, and receipts agree with them. */
export function findLies(records: RunRecords): Violation[] {
  const runs = runsOf(records);
  return [
    ...refusedYetRented(records, runs),
    ...records.sightings.flatMap((sighting) => readyYetNot(records, sighting)),
    ...runs.flatMap((run) => {
      const receipt = run.record?.status?.receipt;
      const first = run.record?.firstReceipt;
      return [
        ...(first?.run === run.run ? againstWhatWasRented(records, run, first) : []),
        ...(receipt?.run === run.run ? againstReceipt(records, run, receipt) : []),
      ];
    }),
  ];
}

function refusedYetRented(records: RunRecords, runs: readonly RunBooks[]): Violation[] {
  return (
    runs
      .filter(({ record }) => record?.launch === 'over-budget' || record?.launch === 'refused')
      // Reset from outside it was judged again, and taken on.
      .filter(({ session }) => !wasReset(records, session))
      .map(({ session, contracts, record }) =>
        violation(
          records,
          'lie',
          session,
          `its launch was refused (${record?.said}), and it rented contract ${contracts[0]?.id}`,
        ),
      )
  );
}

function readyYetNot(records: RunRecords, { atMs, session, state, instanceId }: Sighting): Violation[] {
  if (state !== 'READY') return [];
  const contract = oursOf(records).find(({ id, parsed }) => id === instanceId && parsed.session === session);
  const said = `it was said to be READY on instance ${instanceId}`;
  if (contract === undefined)
    return [violation(records, 'lie', session, `${said}, which is none of its contracts`)];
  if (contract.running_at === null || contract.running_at * 1_000 > atMs + MOMENT_MS)
    return [violation(records, 'lie', session, `${said}, which did not run yet`)];
  const goneMs = contract.destroyed_at === null ? Number.POSITIVE_INFINITY : contract.destroyed_at * 1_000;
  if (atMs > goneMs + NOTICE_MS + idleMs(records, goneMs, atMs))
    return [violation(records, 'lie', session, `${said}, which had long been gone`)];
  return [];
}

function againstReceipt(records: RunRecords, run: RunBooks, receipt: ReceiptAnswer): Violation[] {
  const lie = (what: string) => violation(records, 'lie', run.session, `its receipt ${what}`);
  return [...againstWhatWasRented(records, run, receipt), ...againstMoney(records, run, receipt).map(lie)];
}

function againstWhatWasRented(records: RunRecords, run: RunBooks, receipt: ReceiptAnswer): Violation[] {
  const lie = (what: string) => violation(records, 'lie', run.session, `its receipt ${what}`);
  const endedAtMs = Date.parse(receipt.ended_at);
  const found: Violation[] = [];
  for (const contract of run.contracts) {
    const claimed = receipt.instances.find(({ instance_id }) => instance_id === contract.id);
    if (claimed === undefined) {
      if (mustKnow(records, run, contract, receipt))
        found.push(lie(`does not know contract ${contract.id} (attempt ${contract.parsed.attempt})`));
      continue;
    }
    // What the reaper writes of a terminated session is written when it is terminated, not when all is gone.
    if (claimed.gone_at === null || receipt.outcome === 'terminated') continue;
    const goneMs = contract.destroyed_at === null ? null : contract.destroyed_at * 1_000;
    const lastSeenMs = Math.max(endedAtMs, Date.parse(claimed.gone_at));
    if (goneMs === null || goneMs > lastSeenMs + MOMENT_MS)
      found.push(lie(`says that contract ${contract.id} is gone, which it was not at its end`));
  }
  return found;
}

/** One that nobody could have seen is in the receipt only once the charges have shown it. */
function mustKnow(
  records: RunRecords,
  run: RunBooks,
  contract: OurContract,
  receipt: ReceiptAnswer,
): boolean {
  if (receipt.final) return !records.renamedIds.includes(contract.id);
  if (receipt.outcome === 'terminated') return false;
  // Its own guard ended it while nothing of ours looked.
  if (contract.destroyed_by === 'instance') return false;
  if (wasReset(records, run.session)) return false;
  const hasBeenListed =
    contract.listed_at !== null && contract.listed_at < contract.created_at + records.timing.settleMs / 1_000;
  return hasBeenListed;
}

function wasReset({ hands }: RunRecords, session: string): boolean {
  return hands.some((hand) => hand.did === 'reset' && hand.session === session);
}

/** Until the charges are complete, an instance that went while nothing of ours ran is counted until it was seen gone. */
function unwatchedUsd(
  records: RunRecords,
  contracts: readonly OurContract[],
  { instances, attempts }: ReceiptAnswer,
): number {
  const usdPerHour = Math.max(0, ...attempts.map(({ usd_per_hour }) => usd_per_hour));
  return contracts.reduce((sum, { id, destroyed_at }) => {
    const seenGone = instances.find(({ instance_id }) => instance_id === id)?.gone_at;
    if (destroyed_at === null || seenGone == null) return sum;
    const ms = idleMs(records, destroyed_at * 1_000, Date.parse(seenGone));
    return sum + (usdPerHour * ms) / 3_600_000;
  }, 0);
}

/** Within 1 % or five seconds of each contract's price; the last traffic is known once the receipt is final. */
function againstMoney(
  records: RunRecords,
  { contracts: all, session }: RunBooks,
  receipt: ReceiptAnswer,
): string[] {
  const isNamed = ({ id }: OurContract) => receipt.instances.some(({ instance_id }) => instance_id === id);
  // What was charged under another label than ours is known to those alone who had seen the instance before.
  const contracts = all.filter((contract) => isNamed(contract) || !records.renamedIds.includes(contract.id));
  const chargedUsd = contracts.reduce((sum, { usd }) => sum + usd.total, 0);
  const apartUsd = Math.abs(chargedUsd - receipt.usd.total);
  const fiveSecondsUsd = receipt.attempts.reduce(
    (sum, { usd_per_hour }) => sum + (usd_per_hour * 5) / 3_600,
    0,
  );
  const trafficUsd = contracts.reduce((sum, { usd }) => sum + usd.bandwidth, 0);
  const allowedUsd = receipt.final
    ? chargedUsd * 0.01 + ROUNDING_USD
    : Math.max(chargedUsd * 0.01, fiveSecondsUsd) +
      trafficUsd +
      unwatchedUsd(records, contracts, receipt) +
      ROUNDING_USD;
  // What ended without its session's own word, or was rented before a reset, the audit adds when it makes it final.
  if (!receipt.final && (receipt.outcome === 'terminated' || wasReset(records, session))) return [];
  // How long one ran that was never listed is known by its charges alone.
  const isUnseen = (contract: OurContract) =>
    contract.listed_at === null || (contract.destroyed_by === 'instance' && !isNamed(contract));
  if (!receipt.final && contracts.some(isUnseen)) return [];
  if (apartUsd <= allowedUsd) return [];
  return [
    `(${receipt.final ? 'final' : 'not final'}) says $${receipt.usd.total.toFixed(4)}, and the books $${chargedUsd.toFixed(4)}`,
  ];
}
