import { z } from 'zod';
import {
  boundsOf,
  type Caller,
  type CallOptions,
  callUntilAnswered,
  readJson,
  unexpectedShape,
} from './calling.ts';
import { MarketError, OUR_CODES } from './market-error.ts';
import type { VastCall } from './pacing.ts';
import { flag, number } from './wire-values.ts';

/** A listing that comes in pages, and how to read its rows. */
export type Listing<Row> = {
  readonly call: VastCall;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** The list's name in the answer. */
  readonly rowsKey: string;
  readonly tried: string;
  /** Null for a row that cannot be read. */
  readonly toRow: (row: unknown) => Row | null;
  /** What no two rows share, where there is such a thing. */
  readonly identityOf?: (row: Row) => number;
};

/** `deadlineMs` is of all pages together. */
export type ListOptions = CallOptions & {
  /** Longest wait for one page, its turn and repeats included, ms. */
  readonly pageMs?: number;
  /** Told with each page how many rows there are in all, where the answer says so. */
  readonly onTotal?: (total: number) => void;
};

/** Enough for 10,000 instances; an endless list is a fault, not an answer. */
const PAGES_MAX = 400;
const READINGS_MAX = 3;

/**
 * All rows of all pages, or throws: nobody may take a part of a list for the list.
 *
 * A list that changes while it is read, so that its own counts contradict it, is read anew, twice at most.
 */
export async function readAllPages<Row>(
  caller: Caller,
  listing: Listing<Row>,
  options: ListOptions | undefined,
): Promise<Row[]> {
  // One deadline for all pages, not one for each.
  const bounded = { ...options, deadlineMs: boundsOf(options).deadlineMs };
  for (let readings = 1; ; readings += 1) {
    try {
      return await readOnce(caller, listing, bounded);
    } catch (error) {
      const isTorn = error instanceof MarketError && error.code === OUR_CODES.shape;
      if (!isTorn || readings >= READINGS_MAX) throw error;
    }
  }
}

export type Page<Row> = { rows: Row[]; total: number | null; nextToken: string | null };

async function readOnce<Row>(
  caller: Caller,
  listing: Listing<Row>,
  options: ListOptions & { readonly deadlineMs: number },
): Promise<Row[]> {
  const { call, path, query, tried } = listing;
  const { pageMs = Number.POSITIVE_INFINITY } = options;
  const rows: Row[] = [];
  const tokens = new Set<string>();
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const token = [...tokens].at(-1);
    const page = await callUntilAnswered(
      caller,
      call,
      { method: 'GET', path, query: token === undefined ? query : { ...query, after_token: token }, tried },
      { ...options, deadlineMs: Math.min(options.deadlineMs, Date.now() + pageMs) },
      (answer) => readPage(readJson(answer, tried), listing),
    );
    if (page.total !== null) options.onTotal?.(page.total);
    rows.push(...page.rows);
    if (page.nextToken === null) {
      mustBeWhole(rows, page.total, listing);
      return rows;
    }
    if (tokens.has(page.nextToken)) throw unexpectedShape(tried, 'a page names itself as the next one');
    tokens.add(page.nextToken);
  }
  throw unexpectedShape(tried, `more than ${PAGES_MAX} pages`);
}

/** A missing or null list is no empty list. */
export function readPage<Row>(json: unknown, { rowsKey, toRow, tried }: Listing<Row>): Page<Row> {
  const parsed = PageAnswer.safeParse(json);
  if (!parsed.success) throw unexpectedShape(tried, 'not an object');
  const wireRows = parsed.data[rowsKey];
  if (!Array.isArray(wireRows)) throw unexpectedShape(tried, `${rowsKey} is no list`);
  const { next_token: nextToken, instances_found: found, total_instances: total } = parsed.data;
  if (found !== null && found !== wireRows.length) {
    throw unexpectedShape(tried, `${wireRows.length} rows on a page that says ${found}`);
  }
  const rows = wireRows.map((wireRow: unknown, at) => {
    const row = toRow(wireRow);
    if (row === null) throw unexpectedShape(tried, `row ${at + 1} of ${rowsKey} cannot be read`);
    return row;
  });
  return { rows, total, nextToken: nextToken || null };
}

const PageAnswer = z.looseObject({
  success: flag,
  next_token: z.string().nullish(),
  instances_found: number,
  total_instances: number,
});

/** More rows than the last page's total is a list that shrank while it was read; fewer means that some are missing. */
function mustBeWhole<Row>(
  rows: readonly Row[],
  total: number | null,
  { tried, identityOf }: Listing<Row>,
): void {
  if (total !== null && rows.length < total) throw unexpectedShape(tried, `${rows.length} rows of ${total}`);
  if (identityOf && new Set(rows.map(identityOf)).size < rows.length) {
    throw unexpectedShape(tried, 'the same row came twice: the pages shifted while they were read');
  }
}
