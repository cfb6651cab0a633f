import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type AccessLog, type AccessQuestion, openAccessLog } from '../../src/archive/access-log.ts';
import { ACCESS_KEPT_MS, type AccessRecord, STRANGERS_KEPT_MS } from '../../src/domain/access.ts';
import { eventually } from '../support/eventually.ts';
import { findPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { OWNER } from '../support/receipts.ts';

const NOON = Date.UTC(2026, 2, 1, 12);
const DAY_MS = 86_400_000;
const POSTGRES_BIN = findPostgres();

let postgres: Postgres | null = null;
let homes = 0;
const root = mkdtempSync(join(tmpdir(), 'leash-access-'));
beforeAll(async () => {
  if (POSTGRES_BIN !== null) postgres = await startPostgres(POSTGRES_BIN);
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

type Place = { owner: string; home: string; databaseUrl?: string };

function freshPlace(kind: 'SQLite' | 'PostgreSQL'): Place {
  homes += 1;
  const home = join(root, String(homes));
  if (kind === 'SQLite') return { owner: OWNER, home };
  if (postgres === null) throw new Error('PostgreSQL was not started');
  return { owner: `owner${String(homes).padStart(5, '0')}`, home, databaseUrl: postgres.url };
}

function open(place: Place): AccessLog & { readonly log: string[] } {
  const log: string[] = [];
  const logger = pino({}, { write: (line) => log.push(line) });
  const opened = openAccessLog({ ...place, logger, retryMs: 20 });
  onTestFinished(() => opened.close());
  return { ...opened, log };
}

describe.each(['SQLite', 'PostgreSQL'] as const)('the access log in %s', (kind) => {
  // Its programs are in Debian's package `postgresql`.
  const it = test.skipIf(kind === 'PostgreSQL' && POSTGRES_BIN === null);

  it('has each record once, as it was noted, for another process, and no other owner’s', async () => {
    const place = freshPlace(kind);
    const record = aRecord({ subject: 'an app ’1’', problem: 'conflict', status: 409 });
    const first = open(place);
    await first.note(record);
    await first.note(record);
    await open({ ...place, owner: 'strangerxx' }).note(aRecord());
    const nobody = aRecord({ role: null, by: null, session: null, atMs: NOON + 1 });
    await first.note(nobody);
    expect(await open(place).find(anyOf())).toEqual({ records: [nobody, record], isMore: false });
  });

  it('finds by time, call and session, and page by page where many came in one moment', async () => {
    const log = open(freshPlace(kind));
    const same = Array.from({ length: 5 }, () => aRecord());
    const others = [
      aRecord({ atMs: NOON - 1, what: 'destroy', session: 'night' }),
      aRecord({ atMs: NOON + 1, what: 'destroy' }),
    ];
    for (const record of [...same, ...others]) await log.note(record);
    const idsOf = async (question: Partial<AccessQuestion>) =>
      (await log.find(anyOf(question))).records.map(({ id }) => id);
    expect(await idsOf({ fromMs: NOON, toMs: NOON + 1 })).toEqual(newestFirst(same));
    expect(await idsOf({ what: 'destroy' })).toEqual([others[1]?.id, others[0]?.id]);
    expect(await idsOf({ what: 'destroy', session: 'night' })).toEqual([others[0]?.id]);

    const seen: string[] = [];
    let after: AccessQuestion['after'] = null;
    for (let isMore = true; isMore; ) {
      const page = await log.find(anyOf({ limit: 2, after }));
      seen.push(...page.records.map(({ id }) => id));
      after = page.records.at(-1) ?? null;
      isMore = page.isMore;
    }
    expect(seen).toEqual([others[1]?.id, ...newestFirst(same), others[0]?.id]);
  });

  it('forgets calls after a year, and those of nobody known after a month', async () => {
    const place = freshPlace(kind);
    const nowMs = Date.now();
    const kept = [
      aRecord({ atMs: nowMs - ACCESS_KEPT_MS + DAY_MS }),
      aRecord({ atMs: nowMs - STRANGERS_KEPT_MS + DAY_MS, role: null }),
    ];
    const old = [
      aRecord({ atMs: nowMs - ACCESS_KEPT_MS - DAY_MS }),
      aRecord({ atMs: nowMs - STRANGERS_KEPT_MS - DAY_MS, role: null }),
    ];
    const log = open(place);
    await Promise.all([...kept, ...old].map((record) => log.note(record)));
    // What a process writes first is followed by a look for what is old.
    const next = open(place);
    await next.note(aRecord({ atMs: nowMs }));
    await next.find(anyOf());
    const ids = (await next.find(anyOf())).records.map(({ id }) => id);
    expect(ids).toHaveLength(3);
    expect(ids).toEqual(expect.arrayContaining(kept.map(({ id }) => id)));
  });
});

test('while another holds the archive, calls go on, each record stands in the log once, and is written later', async () => {
  const place = freshPlace('SQLite');
  const log = open(place);
  await log.note(aRecord({ atMs: NOON - 1 }));
  const other = new DatabaseSync(join(place.home, 'archive.db'));
  other.exec('BEGIN EXCLUSIVE');
  const records = [aRecord({ session: 'first' }), aRecord({ atMs: NOON + 1, session: 'second' })];
  const startedMs = performance.now();
  for (const record of records) await log.note(record);
  // An attempt takes five seconds; nobody waited for its end.
  expect(performance.now() - startedMs).toBeLessThan(4_000);
  await eventually('both stand in the log', () => linesOf(log.log).length === 2, 20_000);
  other.exec('ROLLBACK');
  other.close();
  await eventually('both are written', async () => (await log.find(anyOf())).records.length === 3, 20_000);
  expect(linesOf(log.log).map(({ access }) => access)).toEqual(records);
}, 45_000);

test('what waits is written when the server stops', async () => {
  const place = freshPlace('SQLite');
  const log = openAccessLog({ ...place, logger: pino({ level: 'silent' }) });
  const records = Array.from({ length: 450 }, (_, at) => aRecord({ atMs: NOON + at }));
  const noted = records.map((record) => log.note(record));
  await log.close();
  await Promise.all(noted);
  expect((await open(place).find(anyOf())).records).toHaveLength(450);
});

function linesOf(log: readonly string[]): { access: AccessRecord }[] {
  return log
    .filter((line) => line.includes('cannot write to the access log'))
    .map((line) => JSON.parse(line));
}

function newestFirst(records: readonly AccessRecord[]): string[] {
  return records
    .map(({ id }) => id)
    .sort()
    .reverse();
}

function anyOf(set: Partial<AccessQuestion> = {}): AccessQuestion {
  return { fromMs: null, toMs: null, what: null, session: null, after: null, limit: 1_000, ...set };
}

function aRecord(set: Partial<AccessRecord> = {}): AccessRecord {
  return {
    ...{ id: randomUUID(), atMs: NOON, role: 'admin', by: 'token', address: '127.0.0.1' },
    ...{ what: 'launch', session: 'default', subject: null, status: 202, problem: null },
    ...set,
  };
}
