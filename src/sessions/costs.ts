import type { ArchivedReceipt } from '../archive/archive.ts';
import { type CostLine, clipLine, openCostLines, type Span } from '../domain/costs.ts';
import { withDeadline } from '../temporal/connection.ts';
import { costsQuery } from '../workflows/messages.ts';
import { type Context, QUERY_MS, sessionHandle } from './context.ts';
import { listSessions } from './listing.ts';

/** What was spent in a span: closed sessions from the archive, open ones from their own meters until now. */
export type Costs = {
  /** Cut to the span; sum them as you like. */
  readonly lines: readonly CostLine[];
  /** Of sessions that ended in the span: what they were expected to cost, and did. */
  readonly receipts: readonly ArchivedReceipt[];
  /** Open sessions that no worker told of in time. */
  readonly unread: readonly string[];
  /** There is more than one answer holds: ask for a shorter span. */
  readonly isCut: boolean;
};

const PAGES_MAX = 5;
const PAGE = 200;
const ASKED_AT_ONCE = 10;

export async function readCosts(context: Context, span: Span): Promise<Costs> {
  const [archived, receipts, open] = await Promise.all([
    context.archive.costs(span),
    context.archive.receipts(span),
    readOpen(context, Date.now()),
  ]);
  // One that ended meanwhile is in both.
  const closed = new Set(receipts.map(({ run }) => run));
  const lines = [...archived.lines, ...open.lines.filter(({ run }) => !closed.has(run))]
    .map((line) => clipLine(line, span))
    .filter((line) => line !== null);
  return { lines, receipts, unread: open.unread, isCut: archived.isCut || open.isCut };
}

async function readOpen(
  context: Context,
  nowMs: number,
): Promise<{ lines: CostLine[]; unread: string[]; isCut: boolean }> {
  const { names, isCut } = await openNames(context);
  const lines: CostLine[] = [];
  const unread: string[] = [];
  for (let from = 0; from < names.length; from += ASKED_AT_ONCE) {
    const batch = names.slice(from, from + ASKED_AT_ONCE);
    const answers = await Promise.all(batch.map((session) => askCosts(context, session, nowMs)));
    for (const [at, answer] of answers.entries()) {
      if (answer === null) unread.push(batch[at] ?? '');
      else lines.push(...answer);
    }
    // Where nobody answers one of them, nobody answers any.
    if (answers.every((answer) => answer === null)) {
      unread.push(...names.slice(from + ASKED_AT_ONCE));
      break;
    }
  }
  return { lines, unread, isCut };
}

async function openNames(context: Context): Promise<{ names: string[]; isCut: boolean }> {
  const names: string[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const listed: Awaited<ReturnType<typeof listSessions>> = await listSessions(context, {
      open: true,
      limit: PAGE,
      ...(after !== null && { after }),
    });
    names.push(...listed.items.map(({ session }) => session));
    after = listed.next;
    if (after === null) break;
  }
  return { names, isCut: after !== null };
}

async function askCosts(context: Context, session: string, nowMs: number): Promise<CostLine[] | null> {
  try {
    const costs = await withDeadline(context.client, QUERY_MS, () =>
      sessionHandle(context, session).query(costsQuery, nowMs),
    );
    return openCostLines(costs, nowMs);
  } catch {
    return null;
  }
}
