import { log } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import {
  type ContractCharges,
  chargesOfOwner,
  contractKey,
  correctionsOf,
  finalReceipt,
  labelsByInstance,
  ROW_FRESH_MS,
  unaccountedFor,
} from '../domain/auditing.ts';
import { reservationKey } from '../domain/ledger.ts';
import { judgeInstances, type ReaperVerdict, type SessionFacts, withinCeiling } from '../domain/reaping.ts';
import type { Receipt } from '../domain/session.ts';
import { LOOK_BEFORE_PERIOD_MS } from '../domain/settled.ts';
import { sessionOfWorkflowId, sessionWorkflowId } from '../workflows/ids.ts';
import {
  correctUpdate,
  type LedgerBooks,
  ledgerBooksQuery,
  type SessionMemo,
} from '../workflows/messages.ts';
import { archiveTerminated } from './archive-receipt.ts';
import type { Deps } from './deps.ts';
import { describeSessions, resultOf } from './reap.ts';

export type AuditOrder = {
  /** The workflow's time: what the audit decides by. */
  readonly nowMs: number;
  readonly tailMs: number;
  readonly unknownMax: number;
};

/** What an audit leaves to the next one, in its result. */
export type AuditMemory = {
  /** Instance ids seen under an unknown session: destroyed if the next audit sees them so too. */
  readonly suspects: readonly number[];
  /** Instance ids whose DELETE was answered `gone`: the next audits leave them alone. Bounded. */
  readonly goneIds: readonly number[];
  /** Where the rows of receipts that are not final yet ended; see `finalReceipt`. */
  readonly rowEnds: Readonly<Record<string, number>>;
};

export type AuditFindings = {
  readonly contracts: number;
  readonly chargedUsd: number;
  readonly corrected: readonly { readonly key: string; readonly fromUsd: number; readonly toUsd: number }[];
  readonly madeFinal: number;
  /** Receipts that were missing in the archive. */
  readonly archived: number;
  readonly rowEnds: AuditMemory['rowEnds'];
  /** Of earlier audits. */
  readonly goneIds: readonly number[];
  readonly verdicts: readonly ReaperVerdict[];
};

const DAY_MS = 86_400_000;
/** No further back than this, whatever the period: what is older has been audited many times. */
const LOOK_BACK_MS_MAX = 40 * DAY_MS;
const MISSED_SINCE_MS = 7 * DAY_MS;
const MISSED_MAX = 500;
const AUDITS_LOOKED_AT = 20;
const FIRST_AUDIT: AuditMemory = { suspects: [], goneIds: [], rowEnds: {} };
const ROW_ENDS_MAX = 2_000;

/** Compares ledger, archive and sessions with the provider's charges; corrects the first two. */
export async function auditBooks(deps: Deps, order: AuditOrder): Promise<AuditFindings> {
  const { nowMs, tailMs } = order;
  const last = await lastAudit(deps);
  const books = await readLedger(deps, nowMs);
  const archived = await archiveMissed(deps, { nowMs, openKeys: books.openKeys });
  const { unfinished, fromMs, charges } = await readCharged(deps, books, nowMs);
  let madeFinal = 0;
  for (const receipt of unfinished) {
    const final = finalReceipt(receipt, charges, { nowMs, tailMs, endsBefore: last.rowEnds });
    if (final === null) continue;
    await deps.archive.writeReceipt(final);
    madeFinal += 1;
  }
  const sessions = await describeSessions(deps, { sessions: sessionsInQuestion(charges, books, nowMs) });
  const corrected = await correctLedger(deps, { charges, books, sessions, fromMs, nowMs, tailMs });
  return {
    contracts: charges.length,
    chargedUsd: charges.reduce((sum, { usd }) => sum + usd.total, 0),
    corrected,
    madeFinal,
    archived,
    rowEnds: rowEndsOf(charges, unfinished),
    goneIds: last.goneIds,
    verdicts: await judgeRows(deps, order, { charges, sessions, fromMs, last }),
  };
}

/**
 * The part of an audit that money waits for when a worker starts: Temporal may have been put back to an earlier moment,
 * and its ledger have forgotten what was spent since. What was charged for so far, by contract.
 */
export async function recallSpending(
  deps: Deps,
  { nowMs, tailMs }: Pick<AuditOrder, 'nowMs' | 'tailMs'>,
): Promise<readonly ContractCharges[]> {
  const books = await readLedger(deps, nowMs);
  const { fromMs, charges } = await readCharged(deps, books, nowMs);
  const unsettled = charges.filter(({ key }) => books.settled[key] === undefined);
  const sessions = await describeSessions(deps, {
    sessions: [...new Set(unsettled.map(({ session }) => session))],
  });
  await correctLedger(deps, { charges, books, sessions, fromMs, nowMs, tailMs });
  return charges;
}

async function readCharged(deps: Deps, books: LedgerBooks, nowMs: number) {
  const unfinished = await deps.archive.unfinished({ endedAfterMs: nowMs - LOOK_BACK_MS_MAX });
  const fromMs = chargesFrom(books, unfinished, nowMs);
  const rows = await deps.vast.listCharges({ fromMs, toMs: nowMs + DAY_MS });
  const charges = chargesOfOwner(rows, deps.installation.owner, labelsByInstance(unfinished));
  return { unfinished, fromMs, charges };
}

/** By what Temporal lists, since a run that somebody triggered is not given the result before it. */
async function lastAudit(deps: Deps): Promise<AuditMemory> {
  const query = "WorkflowType = 'auditBudget' AND ExecutionStatus = 'Completed'";
  let looked = 0;
  for await (const { workflowId, runId } of deps.temporal.workflow.list({
    query,
    pageSize: AUDITS_LOOKED_AT,
  })) {
    looked += 1;
    if (looked > AUDITS_LOOKED_AT) break;
    const result = await resultOf<Partial<AuditMemory>>(deps, workflowId, runId);
    if (result !== null) return { ...FIRST_AUDIT, ...result };
  }
  return FIRST_AUDIT;
}

/** A ledger that is gone is opened by the empty correction, which rebuilds it from the same charges. */
async function readLedger(deps: Deps, nowMs: number): Promise<LedgerBooks> {
  try {
    return await deps.ledger.read(ledgerBooksQuery, nowMs);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    await deps.ledger.call(correctUpdate, { corrections: [] });
    return await deps.ledger.read(ledgerBooksQuery, nowMs);
  }
}

/** Sessions that ended while the archive could not be written, or before there was one. */
async function archiveMissed(
  deps: Deps,
  { nowMs, openKeys }: { nowMs: number; openKeys: readonly string[] },
): Promise<number> {
  const since = new Date(nowMs - MISSED_SINCE_MS).toISOString();
  const query = `WorkflowType = 'gpuSession' AND ExecutionStatus != 'Running' AND CloseTime > '${since}'`;
  const ended: { session: string; run: string; runId: string; status: string }[] = [];
  for await (const { workflowId, runId, memo, status } of deps.temporal.workflow.list({ query })) {
    const session = sessionOfWorkflowId(workflowId);
    const { run, owner } = (memo ?? {}) as Partial<SessionMemo>;
    if (session === null || run === undefined || owner !== deps.installation.owner) continue;
    // One that went on as new has not ended.
    if (status.name !== 'CONTINUED_AS_NEW') ended.push({ session, run, runId, status: status.name });
    if (ended.length >= MISSED_MAX) break;
  }
  const known = await deps.archive.knownRuns(ended.map(({ run }) => run));
  let archived = 0;
  for (const { session, run, runId, status } of ended.filter((one) => !known.has(one.run))) {
    if (status === 'COMPLETED') {
      const receipt = await resultOf<Receipt>(deps, sessionWorkflowId(session), runId);
      if (receipt === null) continue;
      await deps.archive.writeReceipt(receipt);
    } else {
      // The reaper settles it first, with its bookings.
      if (openKeys.includes(reservationKey({ owner: deps.installation.owner, session, run }))) continue;
      await archiveTerminated(deps, { session, run });
    }
    archived += 1;
  }
  return archived;
}

/** Far enough back that every session of the period, and every receipt that is not final, is covered whole. */
function chargesFrom(books: LedgerBooks, unfinished: readonly Receipt[], nowMs: number): number {
  const starts = unfinished.map(({ startedAtMs }) => startedAtMs - DAY_MS);
  const wantedMs = Math.min(books.periodStartMs - LOOK_BEFORE_PERIOD_MS, ...starts);
  return Math.max(nowMs - LOOK_BACK_MS_MAX, wantedMs);
}

/** Of runs whose receipt is not final: the newest, as many as a workflow's result should carry. */
function rowEndsOf(
  charges: readonly ContractCharges[],
  unfinished: readonly Receipt[],
): AuditFindings['rowEnds'] {
  const runs = new Set(unfinished.map(({ run }) => run));
  const ends = charges
    .filter(({ run }) => runs.has(run))
    .sort((a, b) => b.toMs - a.toMs)
    .slice(0, ROW_ENDS_MAX);
  return Object.fromEntries(ends.map((contract) => [contractKey(contract), contract.toMs]));
}

/** Sessions the ledger does not know as closed, and those whose instances may still exist. */
function sessionsInQuestion(
  charges: readonly ContractCharges[],
  books: LedgerBooks,
  nowMs: number,
): string[] {
  const inQuestion = charges.filter(
    ({ key, toMs }) => books.settled[key] === undefined || nowMs - toMs <= ROW_FRESH_MS,
  );
  return [...new Set(inQuestion.map(({ session }) => session))];
}

async function correctLedger(
  deps: Deps,
  seen: {
    charges: readonly ContractCharges[];
    books: LedgerBooks;
    sessions: Readonly<Record<string, SessionFacts>>;
    fromMs: number;
    nowMs: number;
    tailMs: number;
  },
): Promise<AuditFindings['corrected']> {
  const { charges, books, sessions, fromMs, nowMs, tailMs } = seen;
  const { owner } = deps.installation;
  const stillOpen = Object.entries(sessions).flatMap(([session, facts]) =>
    facts.kind === 'open' && facts.run !== null ? [reservationKey({ owner, session, run: facts.run })] : [],
  );
  // Rows before `fromMs` were not read: what may have some there is not compared.
  const halfRead = Object.entries(books.settled)
    .filter(([, { atMs }]) => atMs < fromMs + LOOK_BEFORE_PERIOD_MS)
    .map(([key]) => key);
  const receipts = await deps.archive.receipts({ fromMs, toMs: nowMs + DAY_MS });
  const finalKeys = receipts
    .filter(({ isFinal }) => isFinal)
    .map(({ session, run }) => reservationKey({ owner, session, run }));
  const corrections = correctionsOf(charges, {
    ...books,
    settledSinceMs: Math.max(books.settledSinceMs, fromMs),
    openKeys: new Set([...books.openKeys, ...stillOpen, ...halfRead]),
    finalKeys: new Set(finalKeys),
    receipts: receipts.map(({ session, run, usd, endedAtMs }) => ({
      key: reservationKey({ owner, session, run }),
      usd,
      endedAtMs,
    })),
    nowMs,
    tailMs,
  });
  // Sent empty too: the ledger looks at its alerts with every update.
  await deps.ledger.call(correctUpdate, { corrections });
  const corrected = corrections.map(({ key, usd }) => ({
    key,
    fromUsd: books.settled[key]?.usd ?? 0,
    toUsd: usd,
  }));
  for (const correction of corrected) log.warn('the ledger was corrected by the charges', correction);
  return corrected;
}

async function judgeRows(
  deps: Deps,
  order: AuditOrder,
  seen: {
    charges: readonly ContractCharges[];
    sessions: Readonly<Record<string, SessionFacts>>;
    fromMs: number;
    last: AuditMemory;
  },
): Promise<ReaperVerdict[]> {
  const { nowMs, unknownMax } = order;
  const { suspects, goneIds } = seen.last;
  const { lines } = await deps.archive.costs({ fromMs: seen.fromMs, toMs: nowMs + DAY_MS });
  const closed = lines.filter(({ isSeenGone }) => isSeenGone).map(({ instanceId }) => instanceId ?? 0);
  const closedInstances = new Set([...closed, ...goneIds]);
  const unaccounted = unaccountedFor(seen.charges, { nowMs, closedInstances });
  const { owner } = deps.installation;
  const verdicts = judgeInstances(unaccounted, { owner, nowMs, sessions: seen.sessions, suspects });
  return withinCeiling(verdicts, unknownMax).filter(({ action }) => action !== 'keep');
}
