import type { RunRecords, SessionRecord, Violation } from '../records.ts';
import { idleMs, oursOf, seconds, violation } from './ledger-of-runs.ts';

/** From its deadline to its end: drain, DELETE, two looks, charges and receipt, each with its retries. */
const TEARDOWN_MS = 180_000;

/** How a session begins to tell of an end that nothing in its story foresaw. */
const BUG = 'It failed unexpectedly';

/**
 * *No limbo*: every session reached an outcome within its deadline, or stands in DESTROYING and says for how long,
 * because the provider still shows what it rented.
 */
export function findLimbo(records: RunRecords): Violation[] {
  return records.sessions.flatMap((record) => {
    const why = record.isOpen ? whyOpen(records, record) : whyNotEnded(records, record);
    return why === null ? [] : [violation(records, 'limbo', record.plan.session, why)];
  });
}

/** Sessions that wait for the provider, and say so: counted apart. */
export function countWaiting(records: RunRecords): number {
  return records.sessions.filter((record) => record.isOpen && whyOpen(records, record) === null).length;
}

function whyOpen(records: RunRecords, { plan, status }: SessionRecord): string | null {
  const isShown = oursOf(records).some(
    ({ parsed, destroyed_at }) => parsed.session === plan.session && destroyed_at === null,
  );
  const says = status?.state === 'DESTROYING' && status.unconfirmed_for_seconds !== null;
  if (isShown && says) return null;
  return `it is still ${status?.state ?? 'unread'} (${status?.detail ?? ''}) at the end of everything`;
}

function whyNotEnded(records: RunRecords, { plan, launch, status }: SessionRecord): string | null {
  if (launch === 'over-budget' || launch === 'refused') return null;
  const lives = records.runs.filter(({ session }) => session === plan.session);
  // The caller never learned whether it began; it did not.
  if (lives.length === 0)
    return launch === 'accepted' ? 'it was accepted, and Temporal does not know it' : null;
  if (status !== null && status.outcome === null) return `it ended without an outcome (${status.detail})`;
  if (status?.reason?.startsWith(BUG)) return `it ended by a bug: ${status.reason}`;
  const startedAtMs = Math.min(...lives.map((life) => life.startedAtMs));
  const closedAtMs = Math.max(...lives.map((life) => life.closedAtMs ?? 0));
  const deadlineMs = startedAtMs + plan.body.max_lifetime_minutes * 60_000;
  const allowedMs = TEARDOWN_MS + records.timing.settleMs + idleMs(records, deadlineMs, closedAtMs);
  if (closedAtMs <= deadlineMs + allowedMs) return null;
  return `it ended ${seconds(closedAtMs - deadlineMs)} after its deadline; ${seconds(allowedMs)} are allowed`;
}
