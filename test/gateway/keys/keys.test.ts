import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startPostgres } from '../../support/postgres.ts';
import {
  aNeed,
  found,
  KINDS,
  keyPlaces,
  makeKey,
  NO_LIMITS,
  openKeys,
  POSTGRES_BIN,
  tryBegin,
} from './places.ts';

const places = keyPlaces();
beforeAll(places.start, 60_000);
afterAll(places.stop);

const NOTHING = { promptTokens: 0, completionTokens: 0, usd: 0 };
const soon = { withinMs: 2_000, everyMs: 20 };

describe.each(KINDS)('gateway keys in %s', (kind) => {
  // Its programs are in Debian's package `postgresql`.
  const it = test.skipIf(kind === 'PostgreSQL' && POSTGRES_BIN === null);

  it('a key is known at once where it was made, and soon at every other server', async () => {
    const place = places.fresh(kind);
    const [here, there] = [await openKeys(place), await openKeys(place)];
    const { token, key } = await makeKey(here, { models: ['qwen'] });
    expect(token).toMatch(/^sk-leash-[A-Za-z0-9_-]{43}$/);
    expect(key).toMatchObject({ name: 'app', revokedAtMs: null, limits: { models: ['qwen'] } });
    await eventually('the other server knows it', () => there.find(token), soon);
    const stranger = await openKeys({ ...place, owner: 'strangerxx' });
    expect(stranger.find(token)).toBeNull();
  });

  it('a revoked key stops at every server within two seconds, and may be revoked again', async () => {
    const place = places.fresh(kind);
    const [here, there] = [await openKeys(place), await openKeys(place)];
    const { token, key } = await makeKey(here);
    await eventually('the other server knows it', () => there.find(token), soon);
    const revoked = await here.book.revoke('app');
    expect(here.find(token)).toBeNull();
    await eventually('the other server refuses it', () => there.find(token) === null, soon);
    expect(await there.book.revoke(key.id)).toEqual(revoked);
    await expect(here.book.revoke('nobody')).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('a name is one key’s as long as that is in use', async () => {
    const keys = await openKeys(places.fresh(kind));
    const { token } = await makeKey(keys);
    await expect(makeKey(keys)).rejects.toMatchObject({ kind: 'conflict' });
    await keys.book.revoke('app');
    const { token: another } = await makeKey(keys);
    expect([keys.find(token) === null, keys.find(another) === null]).toEqual([true, false]);
    expect((await keys.book.list()).map(({ revokedAtMs }) => revokedAtMs === null)).toEqual([true, false]);
  });

  it('keys live on over a restart with all they were made with, and tell when they were last used', async () => {
    const place = places.fresh(kind);
    const before = await openKeys(place);
    const limits = {
      models: ['a', 'b'],
      requestsPerMinute: 60,
      tokensPerMinute: 10_000,
      budget: { usd: 5, period: 'month' as const },
    };
    const expiresAtMs = Date.now() + 86_400_000;
    const { token, key } = await makeKey(before, limits, { expiresAtMs });
    expect((await before.book.list())[0]?.lastUsedAtMs).toBeNull();
    (await before.begin(key, aNeed({ model: 'a' }))).settle(NOTHING);
    await before.close();
    const after = await openKeys(place);
    expect(found(after, token)).toEqual(key);
    const [listed] = await after.book.list();
    expect(listed).toMatchObject({ limits, expiresAtMs });
    expect(Math.abs((listed?.lastUsedAtMs ?? 0) - Date.now())).toBeLessThan(61_000);
  });
});

test('the database holds no token, only what cannot be turned back', async () => {
  const place = places.fresh('SQLite');
  const keys = await openKeys(place);
  const { token } = await makeKey(keys);
  const listed = JSON.stringify(await keys.book.list());
  await keys.close();
  const bytes = readFileSync(join(place.home, 'archive.db')).toString('latin1');
  expect(bytes).toContain('app');
  // Of 43 characters, the four and two that are shown.
  for (const text of [bytes, listed]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(token.slice('sk-leash-'.length + 4, -2));
  }
});

test('what has not the shape of a key, or is changed by one character, is none', async () => {
  const keys = await openKeys(places.fresh('SQLite'));
  const { token } = await makeKey(keys);
  const last = token.at(-10) === 'x' ? 'y' : 'x';
  for (const wrong of [
    '',
    'sk-leash-',
    `${token} `,
    token.toUpperCase(),
    token.slice(0, -10) + last + token.slice(-9),
  ])
    expect(keys.find(wrong), wrong).toBeNull();
});

test('a key stops at the moment it expires', async () => {
  const clock = { ms: 1_772_370_000_000 };
  const keys = await openKeys(places.fresh('SQLite'), { nowMs: () => clock.ms });
  const { token } = await makeKey(keys, {}, { expiresAtMs: clock.ms + 1_000 });
  clock.ms += 999;
  expect(keys.find(token)).not.toBeNull();
  clock.ms += 1;
  expect(keys.find(token)).toBeNull();
});

test('a model that is not on the list of a key is refused with 403', async () => {
  const keys = await openKeys(places.fresh('SQLite'));
  const { key } = await makeKey(keys, { models: ['qwen'] });
  expect((await tryBegin(keys, key, { model: 'qwen' })).error).toBeNull();
  expect((await tryBegin(keys, key, { model: 'opus' })).error).toMatchObject({
    status: 403,
    code: 'model_not_allowed',
    param: 'model',
  });
});

test('a request above the rate is 429 with the time to wait; what was refused is not counted', async () => {
  const clock = { ms: 1_772_370_000_000 };
  const keys = await openKeys(places.fresh('SQLite'), { nowMs: () => clock.ms });
  const { key } = await makeKey(keys, { requestsPerMinute: 2, tokensPerMinute: 1_000 });
  const first = await tryBegin(keys, key);
  expect(first.lease?.rateHeaders()).toMatchObject({
    'x-ratelimit-limit-requests': '2',
    'x-ratelimit-remaining-requests': '1',
    'x-ratelimit-limit-tokens': '1000',
    'x-ratelimit-remaining-tokens': '800',
    'x-ratelimit-reset-tokens': expect.stringMatching(/^6[01]\.\d+s$/),
  });
  first.lease?.settle({ promptTokens: 10, completionTokens: 20, usd: 0 });
  const tooMany = await tryBegin(keys, key, { promptTokensAtMost: 1_000 });
  expect(tooMany.error).toMatchObject({
    ...{ status: 429, type: 'rate_limit_exceeded' },
    headers: { 'x-ratelimit-limit-tokens': '1000', 'x-ratelimit-remaining-tokens': '970' },
  });
  expect(tooMany.error).not.toHaveProperty('retryAfterSeconds');
  const second = await tryBegin(keys, key, { promptTokensAtMost: 870 });
  expect(second.error).toBeNull();
  expect((await tryBegin(keys, key)).error).toMatchObject({ status: 429, retryAfterSeconds: 61 });
  clock.ms += 61_000;
  expect((await tryBegin(keys, key)).error).toBeNull();
});

test('no minute, wherever it begins, sees more requests than a key may make', async () => {
  const clock = { ms: 1_772_370_000_000 };
  const keys = await openKeys(places.fresh('SQLite'), { nowMs: () => clock.ms });
  let nth = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 80 }),
      async (requestsPerMinute, waits) => {
        nth += 1;
        const { key } = await makeKey(keys, { requestsPerMinute }, { name: `app${nth}` });
        const taken: number[] = [];
        for (const waitMs of waits) {
          clock.ms += waitMs;
          if ((await tryBegin(keys, key)).lease !== null) taken.push(clock.ms);
          const inMinute = taken.filter((atMs) => atMs > clock.ms - 60_000);
          expect(inMinute.length).toBeLessThanOrEqual(requestsPerMinute);
        }
      },
    ),
    { numRuns: 20 },
  );
});

test('a key that was revoked between being found and being used is refused', async () => {
  const keys = await openKeys(places.fresh('SQLite'));
  const { key } = await makeKey(keys, { budget: { usd: 1, period: 'total' } });
  await keys.book.revoke('app');
  expect((await tryBegin(keys, key)).lease).toBeNull();
});

test.skipIf(POSTGRES_BIN === null)(
  'while the database is away known keys go on, budgets as far as they are held, and all mends itself',
  { timeout: 60_000 },
  async () => {
    await using own = await startPostgres(POSTGRES_BIN ?? '');
    const place = { ...places.fresh('SQLite'), databaseUrl: own.url };
    const keys = await openKeys(place);
    const plain = await makeKey(keys, NO_LIMITS, { name: 'plain' });
    const { key } = await makeKey(keys, { budget: { usd: 1, period: 'total' } });
    const { lease } = await tryBegin(keys, key, { usdAtMost: 0.5 });
    await own.stop();
    expect((await tryBegin(keys, found(keys, plain.token))).error).toBeNull();
    lease?.settle({ ...NOTHING, usd: 0.1 });
    expect((await tryBegin(keys, key, { usdAtMost: 0.3 })).error, 'out of what is held').toBeNull();
    const refused = await tryBegin(keys, key, { usdAtMost: 0.3 });
    expect(refused.error).toMatchObject({ status: 503, code: 'keys_unavailable' });
    await own.start();
    await eventually(
      'the budget is read again',
      async () => (await tryBegin(keys, key, { usdAtMost: 0.3 })).lease,
      {
        withinMs: 20_000,
        everyMs: 100,
      },
    );
  },
);

test('a database that was never reached makes keys unavailable, not wrong', async () => {
  const keys = await openKeys({
    ...places.fresh('SQLite'),
    databaseUrl: 'postgres://leash:hush@127.0.0.1:1/x',
  });
  const token = `sk-leash-${'a'.repeat(43)}`;
  expect(() => keys.find(token)).toThrow(
    expect.objectContaining({ error: expect.objectContaining({ status: 503 }) }),
  );
  expect(keys.find('another-token')).toBeNull();
});
