import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Archive, openArchive } from '../../src/archive/archive.ts';
import type { SessionSample } from '../../src/domain/session-sample.ts';
import { findPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { anInstance, aReceipt, aUsd, labelOf, OWNER } from '../support/receipts.ts';

const HOUR_MS = 3_600_000;
const MARCH = { fromMs: Date.UTC(2026, 2, 1), toMs: Date.UTC(2026, 3, 1) };
const POSTGRES_BIN = findPostgres();

let postgres: Postgres | null = null;
let homes = 0;
const root = mkdtempSync(join(tmpdir(), 'leash-archive-'));
beforeAll(async () => {
  if (POSTGRES_BIN !== null) postgres = await startPostgres(POSTGRES_BIN);
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

/** An archive that nobody else's rows are in: by its file, or by its owner. */
function freshPlace(kind: 'SQLite' | 'PostgreSQL'): { owner: string; home: string; databaseUrl?: string } {
  homes += 1;
  const home = join(root, String(homes));
  if (kind === 'SQLite') return { owner: OWNER, home };
  if (postgres === null) throw new Error('PostgreSQL was not started');
  return { owner: `owner${String(homes).padStart(5, '0')}`, home, databaseUrl: postgres.url };
}

function open(place: ReturnType<typeof freshPlace>): Archive {
  const archive = openArchive(place);
  onTestFinished(() => archive.close());
  return archive;
}

describe.each(['SQLite', 'PostgreSQL'] as const)('the archive in %s', (kind) => {
  // Its programs are in Debian's package `postgresql`.
  const it = test.skipIf(kind === 'PostgreSQL' && POSTGRES_BIN === null);

  it('keeps a receipt as it was written, for who opens it later', async () => {
    const place = freshPlace(kind);
    const receipt = aReceipt();
    const first = openArchive(place);
    await first.writeReceipt(receipt);
    await first.close();
    const again = open(place);
    expect(await again.findReceipt({ session: 'default' })).toEqual(receipt);
    expect(await again.findReceipt({ session: 'default', run: receipt.run })).toEqual(receipt);
    expect(await again.findReceipt({ session: 'default', run: 'otherother' })).toBeNull();
    expect(await again.findReceipt({ session: 'other' })).toBeNull();
  });

  it('writes once, changes only from not final to final, and never back', async () => {
    const archive = open(freshPlace(kind));
    const receipt = aReceipt();
    await archive.writeReceipt(receipt);
    await archive.writeReceipt({ ...receipt, outcome: 'lost' });
    expect(await archive.findReceipt(receipt)).toEqual(receipt);
    const final = aReceipt({ final: true, instances: [anInstance({ usd: aUsd({ gpu: 0.51 }) })] });
    await archive.writeReceipt(final);
    expect(await archive.findReceipt(receipt)).toEqual(final);
    await archive.writeReceipt(receipt);
    await archive.writeReceipt({ ...final, outcome: 'lost' });
    expect(await archive.findReceipt(receipt)).toEqual(final);
    const { lines } = await archive.costs(MARCH);
    expect(lines).toMatchObject([{ standing: 'final', usd: { total: 0.51 } }]);
    expect(await archive.receipts(MARCH)).toMatchObject([{ isFinal: true, usd: 0.51, forecastUsd: 0.7 }]);
  });

  it('has the later ending of a run that was reset when it had ended', async () => {
    const archive = open(freshPlace(kind));
    const first = aReceipt({ final: true });
    await archive.writeReceipt(first);
    const later = aReceipt({
      endedAtMs: first.endedAtMs + HOUR_MS,
      instances: [anInstance({ instanceId: 77, usd: aUsd({ gpu: 0.9 }) })],
    });
    await archive.writeReceipt(later);
    expect(await archive.findReceipt(first)).toEqual(later);
    await archive.writeReceipt(first);
    expect(await archive.findReceipt(first)).toEqual(later);
    expect(await archive.unfinished({ endedAfterMs: 0 })).toEqual([later]);
    const { lines } = await archive.costs(MARCH);
    expect(lines).toMatchObject([{ instanceId: 77, usd: { total: 0.9 } }]);
  });

  it('finds the newest run of a session by its name', async () => {
    const archive = open(freshPlace(kind));
    const older = aReceipt({ run: 'runrunrun1' });
    const newer = aReceipt({ run: 'runrunrun2', endedAtMs: older.endedAtMs + HOUR_MS });
    await archive.writeReceipt(newer);
    await archive.writeReceipt(older);
    await archive.writeReceipt({ ...older, final: true });
    expect((await archive.findReceipt({ session: 'default' }))?.run).toBe('runrunrun2');
  });

  it('tells which receipts are not final, oldest first, and which runs it has', async () => {
    const archive = open(freshPlace(kind));
    const runs = ['runrunrun1', 'runrunrun2', 'runrunrun3'];
    for (const [at, run] of runs.entries())
      await archive.writeReceipt(aReceipt({ run, endedAtMs: MARCH.fromMs + (9 - at) * HOUR_MS }));
    await archive.writeReceipt(
      aReceipt({ run: 'runrunrun2', final: true, endedAtMs: MARCH.fromMs + 8 * HOUR_MS }),
    );
    const open1 = await archive.unfinished({ endedAfterMs: 0 });
    expect(open1.map(({ run }) => run)).toEqual(['runrunrun3', 'runrunrun1']);
    const open2 = await archive.unfinished({ endedAfterMs: MARCH.fromMs + 8 * HOUR_MS });
    expect(open2.map(({ run }) => run)).toEqual(['runrunrun1']);
    expect(await archive.knownRuns(['runrunrun1', 'never-seen'])).toEqual(new Set(['runrunrun1']));
    expect(await archive.knownRuns([])).toEqual(new Set());
  });

  it('finds what instances cost by the time they existed, and no other owner’s', async () => {
    const place = freshPlace(kind);
    const archive = open(place);
    const stranger = open({ ...place, owner: 'strangerxx' });
    await archive.writeReceipt(aReceipt());
    await stranger.writeReceipt(aReceipt({ session: 'theirs' }));
    const gone = anInstance().goneAtMs ?? 0;
    expect((await archive.costs({ fromMs: gone, toMs: gone + 1 })).lines).toHaveLength(1);
    expect((await archive.costs({ fromMs: gone + 1, toMs: gone + HOUR_MS })).lines).toEqual([]);
    expect((await archive.costs({ fromMs: 0, toMs: anInstance().createdAtMs ?? 0 })).lines).toEqual([]);
    expect(await archive.costs(MARCH)).toMatchObject({ lines: [{ session: 'default' }], isCut: false });
    expect(await archive.findReceipt({ session: 'theirs' })).toBeNull();
  });

  it('keeps samples of a run, oldest first, each look once, and no other owner’s', async () => {
    const place = freshPlace(kind);
    const archive = open(place);
    const stranger = open({ ...place, owner: 'strangerxx' });
    const [first, second] = [
      aSample(1_000),
      aSample(2_000, { isOk: null, requestsTotal: null, gpuTempC: null }),
    ];
    await archive.writeSamples([second, first]);
    await archive.writeSamples([{ ...first, spentUsd: 9 }]);
    await archive.writeSamples([]);
    await archive.writeSamples([aSample(5_000, { run: 'runrunrun2' }), aSample(9_000, { session: 'other' })]);
    await stranger.writeSamples([aSample(3_000)]);
    const all = { session: 'default', run: 'runrunrun1', sinceMs: 0, limit: 100 };
    expect(await archive.samples(all)).toEqual([first, second]);
    expect(await archive.samples({ ...all, sinceMs: 1_000 })).toEqual([second]);
    expect(await archive.sampledRun('default')).toBe('runrunrun2');
    expect(await archive.sampledRun('unheard-of')).toBeNull();
  });

  it('thins samples evenly where there are more than asked for, and keeps the newest', async () => {
    const archive = open(freshPlace(kind));
    await archive.writeSamples(Array.from({ length: 1_000 }, (_, at) => aSample(at)));
    const order = { session: 'default', run: 'runrunrun1', sinceMs: -1 };
    const hundred = (await archive.samples({ ...order, limit: 100 })).map(({ atMs }) => atMs);
    expect(hundred).toEqual(Array.from({ length: 100 }, (_, at) => 9 + at * 10));
    expect(await archive.samples({ ...order, limit: 999 })).toHaveLength(500);
    expect(await archive.samples({ ...order, limit: 1_000 })).toHaveLength(1_000);
  });

  it('deletes old samples, the oldest first and so many at once', async () => {
    const archive = open(freshPlace(kind));
    await archive.writeSamples(Array.from({ length: 5_100 }, (_, at) => aSample(at)));
    const order = { session: 'default', run: 'runrunrun1', sinceMs: -1, limit: 10_000 };
    await archive.pruneSamples({ beforeMs: 5_050 });
    expect((await archive.samples(order)).map(({ atMs }) => atMs)[0]).toBe(5_000);
    await archive.pruneSamples({ beforeMs: 5_050 });
    expect((await archive.samples(order)).map(({ atMs }) => atMs)[0]).toBe(5_050);
    await archive.pruneSamples({ beforeMs: 5_050 });
    expect(await archive.samples(order)).toHaveLength(50);
  });

  it('keeps each orphan once, newest first, counts them all, and none of another owner', async () => {
    const place = freshPlace(kind);
    const archive = open(place);
    expect(await archive.orphans()).toEqual({ found: 0, newest: [] });
    const orphans = Array.from({ length: 105 }, (_, at) => ({
      instanceId: at + 1,
      atMs: 1_000 + at,
      label: `label ${at}`,
      why: 'its session is closed',
    }));
    for (const orphan of orphans) await archive.writeOrphan(orphan);
    await archive.writeOrphan({ instanceId: 1, atMs: 9_999, label: 'again', why: 'again' });
    await open({ ...place, owner: 'strangerxx' }).writeOrphan({ instanceId: 1, atMs: 1, label: '', why: '' });
    const { found, newest } = await archive.orphans();
    expect(found).toBe(105);
    expect(newest).toEqual(orphans.toReversed().slice(0, 100));
  });

  it('keeps what happened on machines once, newest first, and no other owner’s', async () => {
    const place = freshPlace(kind);
    const archive = open(place);
    const failed = { machineId: 501, label: 'a', kind: 'cdi-error', atMs: 1_000, servedMs: 0 };
    const ready = { machineId: 502, label: 'b', kind: 'ready', atMs: 3_000, servedMs: 60_000 };
    await archive.writeMachineNotes([failed, ready]);
    await archive.writeMachineNotes([
      { ...ready, atMs: 9_000 },
      { ...failed, kind: 'ready', atMs: 2_000 },
    ]);
    await archive.writeMachineNotes([]);
    await open({ ...place, owner: 'strangerxx' }).writeMachineNotes([{ ...failed, machineId: 777 }]);
    const served = { ...failed, kind: 'ready', atMs: 2_000 };
    expect(await archive.machineNotes({ sinceMs: 0 })).toEqual([ready, served, failed]);
    expect(await archive.machineNotes({ sinceMs: 2_000 })).toEqual([ready, served]);
  });

  it('is opened, migrated and written by several at once', async () => {
    const place = freshPlace(kind);
    const several = Array.from({ length: 4 }, () => open(place));
    const writes = several.flatMap((archive, at) =>
      Array.from({ length: 10 }, (_, nth) => {
        const run = `run${at}xxxx${String(nth).padStart(2, '0')}`;
        const instances = [anInstance({ label: labelOf({ run }), instanceId: at * 100 + nth + 1 })];
        return archive.writeReceipt(aReceipt({ run, instances }));
      }),
    );
    await Promise.all(writes);
    const [first] = several;
    expect((await first?.costs(MARCH))?.lines).toHaveLength(40);
  });
});

test('the file of the archive is its owner’s alone', async () => {
  const place = freshPlace('SQLite');
  open(place);
  expect(statSync(join(place.home, 'archive.db')).mode & 0o777).toBe(0o600);
});

test('a database that is down is said in words without its password, in time', async () => {
  const archive = open({ ...freshPlace('SQLite'), databaseUrl: 'postgres://leash:hush@127.0.0.1:1/x' });
  const failed = await archive.findReceipt({ session: 'default' }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ name: 'ArchiveError', message: expect.stringMatching(/PostgreSQL/) });
  expect(String(failed)).not.toContain('hush');
});

test.skipIf(POSTGRES_BIN === null)(
  'a database that comes back is written again',
  async () => {
    await using own = await startPostgres(POSTGRES_BIN ?? '');
    const archive = open({ ...freshPlace('SQLite'), databaseUrl: own.url });
    await archive.writeReceipt(aReceipt());
    await own.stop();
    await expect(archive.findReceipt({ session: 'default' })).rejects.toThrow(/PostgreSQL/);
    await own.start();
    await archive.writeReceipt(aReceipt({ final: true }));
    expect((await archive.findReceipt({ session: 'default' }))?.final).toBe(true);
  },
  60_000,
);

function aSample(atMs: number, set: Partial<SessionSample> = {}): SessionSample {
  return {
    session: 'default',
    run: 'runrunrun1',
    instanceId: 501,
    atMs,
    isOk: true,
    spentUsd: 0.25,
    usdPerHour: 0.42,
    requestsTotal: 7,
    running: 1,
    waiting: 0,
    promptTokensTotal: 3_000_000_000,
    generationTokensTotal: 900,
    gpuUtilPercent: 87.5,
    gpuTempC: 61,
    ...set,
  };
}
