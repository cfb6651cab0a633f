import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { found, KINDS, keyPlaces, makeKey, openKeys, POSTGRES_BIN, QUICK, tryBegin } from './places.ts';

const places = keyPlaces();
beforeAll(places.start, 60_000);
afterAll(places.stop);

const CENT = { promptTokens: 10, completionTokens: 10, usd: 0.01 };
const soon = { withinMs: 10_000, everyMs: 20 };

describe.each(KINDS)('budgets of keys in %s', (kind) => {
  // Its programs are in Debian's package `postgresql`.
  const it = test.skipIf(kind === 'PostgreSQL' && POSTGRES_BIN === null);

  it('money for fifty requests serves fifty of two hundred at once, and the rest is told why', async () => {
    const keys = await openKeys(places.fresh(kind));
    const { key } = await makeKey(keys, { budget: { usd: 0.5, period: 'total' } });
    const answers = await Promise.all(Array.from({ length: 200 }, () => tryBegin(keys, key)));
    const leases = answers.flatMap(({ lease }) => (lease === null ? [] : [lease]));
    expect(leases).toHaveLength(50);
    const refused = answers.flatMap(({ error }) => (error === null ? [] : [error]));
    expect(refused).toHaveLength(150);
    // Nothing is spent yet: what is under way may leave something.
    for (const error of refused)
      expect(error).toMatchObject({ status: 429, type: 'insufficient_quota', code: 'budget_reserved' });
    for (const lease of leases) lease.settle(CENT);
    const error = await eventually(
      'the budget is told to be spent',
      async () => {
        const again = await tryBegin(keys, key);
        expect(again.lease).toBeNull();
        return again.error?.status === 402 && again.error;
      },
      soon,
    );
    expect(error).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota' });
    expect((await keys.book.list())[0]?.spent).toMatchObject({ usd: 0.5, heldUsd: 0 });
  });

  it('several servers together never promise more than there is, and in the end spend all of it', async () => {
    const place = places.fresh(kind);
    const servers = [await openKeys(place), await openKeys(place), await openKeys(place)];
    const [first] = servers;
    if (first === undefined) throw new Error('no server');
    const { token } = await makeKey(first, { budget: { usd: 0.5, period: 'total' } });
    await eventually('all know the key', () => servers.every((keys) => keys.find(token) !== null), soon);
    let served = 0;
    let underWay = 0;
    const client = async (nth: number) => {
      const keys = servers[nth % servers.length];
      if (keys === undefined) throw new Error('no server');
      const { lease, error } = await tryBegin(keys, found(keys, token));
      if (lease === null) return error;
      underWay += 1;
      expect(served + underWay).toBeLessThanOrEqual(50);
      // Others come in between.
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      served += 1;
      lease.settle(CENT);
      return null;
    };
    await Promise.all(Array.from({ length: 200 }, (_, nth) => client(nth)));
    expect(served).toBeLessThanOrEqual(50);
    expect(served).toBeGreaterThan(40);
    // What one server holds unused comes back to the others.
    await eventually(
      () => `everything is spent, ${served} of 50`,
      async () => (await Promise.all([0, 1, 2].map(client))).every((error) => error?.status === 402),
      soon,
    );
    expect(served).toBe(50);
    expect((await first.book.list())[0]?.spent?.usd).toBe(0.5);
  });

  it('what a request did not use is free again at once; what is settled twice counts once', async () => {
    const keys = await openKeys(places.fresh(kind));
    const { key } = await makeKey(keys, { budget: { usd: 1, period: 'total' } });
    for (let nth = 0; nth < 90; nth++) {
      const { lease, error } = await tryBegin(keys, key, { usdAtMost: 0.5 });
      expect(error, `request ${nth}`).toBeNull();
      lease?.settle({ ...CENT, usd: 0.005 });
      lease?.settle({ ...CENT, usd: 0.5 });
    }
    await eventually('it is written', async () => (await keys.book.list())[0]?.spent?.usd === 0.45, soon);
  });

  it('a request of which nobody knows what it came to counts as it was reserved', async () => {
    const keys = await openKeys(places.fresh(kind));
    const { key } = await makeKey(keys, { budget: { usd: 1, period: 'total' } });
    const { lease } = await tryBegin(keys, key, { usdAtMost: 0.7 });
    lease?.settle(null);
    lease?.settle({ ...CENT, usd: 0 });
    await eventually('it is written', async () => (await keys.book.list())[0]?.spent?.usd === 0.7, soon);
  });

  it('what was spent survives the end of a server, and what was under way counts as spent', async () => {
    const place = places.fresh(kind);
    const before = await openKeys(place);
    const { key, token } = await makeKey(before, { budget: { usd: 1, period: 'total' } });
    const done = await tryBegin(before, key, { usdAtMost: 0.3 });
    done.lease?.settle({ ...CENT, usd: 0.25 });
    await tryBegin(before, key, { usdAtMost: 0.5 });
    await before.close();
    const after = await openKeys(place);
    expect((await after.book.list())[0]?.spent).toMatchObject({ usd: 0.75, heldUsd: 0 });
    expect((await tryBegin(after, found(after, token), { usdAtMost: 0.26 })).error?.status).toBe(402);
    expect((await tryBegin(after, found(after, token), { usdAtMost: 0.25 })).error).toBeNull();
  });

  it('what a server that died held counts as spent once nobody has heard of it, and is not its any more', async () => {
    const place = places.fresh(kind);
    const clock = { ms: Date.UTC(2026, 2, 1, 12) };
    const nowMs = () => clock.ms;
    const still = { ...QUICK, budgets: { ...QUICK.budgets, lookMs: 3_600_000 } };
    // Its timers never come: to the others it is as one that was killed.
    const dead = await openKeys(place, { times: still, nowMs });
    const { key, token } = await makeKey(dead, { budget: { usd: 1, period: 'total' } });
    const lost = await tryBegin(dead, key, { usdAtMost: 0.6 });
    expect(lost.error).toBeNull();

    const alive = await openKeys(place, { nowMs });
    expect((await tryBegin(alive, found(alive, token), { usdAtMost: 0.5 })).error?.status).toBe(429);
    clock.ms += 61_000;
    expect((await tryBegin(alive, found(alive, token), { usdAtMost: 0.5 })).error?.status).toBe(402);
    const spent = (await alive.book.list())[0]?.spent?.usd ?? 0;
    // With at most a fiftieth of the budget that it had taken for later requests.
    expect(spent).toBeGreaterThanOrEqual(0.6);
    expect(spent).toBeLessThanOrEqual(0.62);
    // It comes back: what it thought its own is not spent a second time.
    lost.lease?.settle({ ...CENT, usd: 0.6 });
    expect((await tryBegin(dead, key, { usdAtMost: 0.3 })).error).toBeNull();
    expect((await alive.book.list())[0]?.spent?.usd).toBe(spent);
  });

  it('a budget of a day begins anew at midnight UTC, and a request that ends after it counts before', async () => {
    const clock = { ms: Date.UTC(2026, 2, 1, 23, 59, 59) };
    const keys = await openKeys(places.fresh(kind), { nowMs: () => clock.ms });
    const { key } = await makeKey(keys, { budget: { usd: 1, period: 'day' } });
    const late = await tryBegin(keys, key, { usdAtMost: 0.9 });
    expect((await tryBegin(keys, key, { usdAtMost: 0.9 })).error?.status).toBe(429);
    clock.ms += 2_000;
    const next = await tryBegin(keys, key, { usdAtMost: 0.9 });
    expect(next.error).toBeNull();
    late.lease?.settle({ ...CENT, usd: 0.9 });
    next.lease?.settle({ ...CENT, usd: 0.2 });
    await eventually('it is written', async () => (await keys.book.list())[0]?.spent?.usd === 0.2, soon);
    expect((await keys.book.list())[0]?.spent?.resetsAtMs).toBe(Date.UTC(2026, 2, 3));
    const spent = await tryBegin(keys, key, { usdAtMost: 0.81 });
    expect(spent.error).toMatchObject({ status: 402, retryAfterSeconds: 86_399 });
  });

  it('a request that came to more than it was reserved for is counted whole', async () => {
    const keys = await openKeys(places.fresh(kind));
    const { key } = await makeKey(keys, { budget: { usd: 1, period: 'total' } });
    const { lease } = await tryBegin(keys, key, { usdAtMost: 0.1 });
    lease?.settle({ ...CENT, usd: 0.7 });
    await eventually('it is written', async () => (await keys.book.list())[0]?.spent?.usd === 0.7, soon);
    expect((await tryBegin(keys, key, { usdAtMost: 0.31 })).error?.status).toBe(402);
    expect((await tryBegin(keys, key, { usdAtMost: 0.3 })).error).toBeNull();
  });
});
