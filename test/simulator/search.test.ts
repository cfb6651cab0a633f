import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { aMarket, aRenter } from './renter.ts';

let market: Simulator;
let renter: ReturnType<typeof aRenter>;

beforeAll(async () => {
  // Slow enough that no offer moves while a test compares two searches.
  market = await aMarket({ machines: 300, timeScale: 0.001 });
  renter = aRenter(market.url, market.key);
});

afterAll(() => market.close());

test('GPU names need no key, and hold every name on offer', async () => {
  const { json, type } = await aRenter(market.url, null).call('GET', '/api/v0/gpu_names/unique/');
  expect(type).toBe('application/json');
  const offers = await renter.search({ order: [['dph_total', 'desc']] });
  for (const { gpu_name } of offers) expect(json.gpu_names).toContain(gpu_name);
  expect(json.gpu_names).toEqual(expect.arrayContaining(['RTX 4090', 'A100 SXM4', 'Tesla V100']));
});

test.each([
  ['RTX 4090', 24_000, 0.6],
  ['RTX 3090', 24_000, 0.4],
  ['RTX A5000', 24_000, 0.4],
  ['A40', 43_000, 0.6],
  ['RTX A6000', 43_000, 0.75],
  ['L40S', 43_000, 1],
])('a dozen good single %s stand in the default market at a usual price', async (name, ram, usd) => {
  const offers = await renter.search({
    gpu_name: { eq: name },
    num_gpus: { eq: 1 },
    gpu_ram: { gte: ram },
    dph_total: { lte: usd },
    reliability: { gte: 0.95 },
    cuda_max_good: { gte: 12.6 },
    inet_down: { gte: 300 },
    direct_port_count: { gte: 1 },
    disk_space: { gte: 60 },
    allocated_storage: 60,
  });
  expect(offers.length).toBeGreaterThanOrEqual(12);
});

test('the same seed opens the same market, another seed another one', async () => {
  const inOf = async (seed: number) => {
    await using other = await aMarket({ seed, machines: 30, timeScale: 0.001 });
    const offers = await aRenter(other.url, other.key).search({ order: [['id', 'asc']] });
    return offers.map(({ id, machine_id, dph_base }) => [id, machine_id, dph_base]);
  };
  expect(await inOf(5)).toEqual(await inOf(5));
  expect(await inOf(6)).not.toEqual(await inOf(5));
});

test('numbers may come as text and names with underscores', async () => {
  const asText = await renter.search({
    gpu_name: { eq: 'RTX_4090' },
    num_gpus: { eq: '1' },
    dph_total: { lte: '0.6' },
  });
  const asNumbers = await renter.search({
    gpu_name: { eq: 'RTX 4090' },
    num_gpus: { eq: 1 },
    dph_total: { lte: 0.6 },
  });
  expect(asText.length).toBeGreaterThan(0);
  expect(asText.map(({ id }) => id)).toEqual(asNumbers.map(({ id }) => id));
  for (const offer of asText) expect(offer).toMatchObject({ gpu_name: 'RTX 4090', num_gpus: 1 });
});

test('operators narrow a search: in, notin, gt, lt, neq, and several on one field', async () => {
  const named = await renter.search({
    gpu_name: { in: ['RTX_3090', 'A40'] },
    dph_base: { gt: 0.1, lt: 0.45 },
  });
  expect(new Set(named.map(({ gpu_name }) => gpu_name))).toEqual(new Set(['RTX 3090', 'A40']));
  for (const { dph_base } of named) expect(dph_base > 0.1 && dph_base < 0.45).toBe(true);
  const others = await renter.search({ gpu_name: { notin: ['RTX 3090'] }, num_gpus: { neq: 1 } });
  expect(others.some(({ gpu_name, num_gpus }) => gpu_name === 'RTX 3090' || num_gpus === 1)).toBe(false);
});

test('virtual columns are searched by their query names', async () => {
  const inDatacenter = await renter.search({ datacenter: { eq: true }, geolocation: { in: ['US', 'SE'] } });
  expect(inDatacenter.length).toBeGreaterThan(0);
  for (const { hosting_type, geolocation } of inDatacenter) {
    expect(hosting_type).toBe(1);
    expect(geolocation).toMatch(/(US|SE)$/);
  }
  const [first] = await renter.search({ driver_version: { gte: 570_000_000 } });
  expect(Number(first.driver_version.split('.')[0])).toBeGreaterThanOrEqual(570);
  const unverified = await renter.search({ verified: { eq: false } });
  expect(unverified.every(({ verification }) => verification === 'unverified')).toBe(true);
  const long = await renter.search({ duration: { gte: 100 * 86_400 } });
  for (const { duration } of long) expect(duration).toBeGreaterThanOrEqual(100 * 86_400);
});

test('an offer is found by ask_contract_id, and by id not at all', async () => {
  const [offer] = await renter.search();
  expect(await renter.search({ ask_contract_id: { eq: offer.id } })).toHaveLength(1);
  expect(await renter.search({ id: { eq: offer.id } })).toHaveLength(0);
});

test('order and limit hold, and no answer has more than 64 offers', async () => {
  const prices = (await renter.search({ order: [['dph_total', 'asc']], limit: 5 })).map(
    ({ dph_total }) => dph_total,
  );
  expect(prices).toHaveLength(5);
  expect(prices).toEqual([...prices].sort((a, b) => a - b));
  const dearest = await renter.search({ order: [['dph_total', 'desc']], limit: 1 });
  expect(dearest[0].dph_total).toBeGreaterThan(prices[0]);
  expect(await renter.search({ limit: 5000 })).toHaveLength(64);
});

test('storage is priced into the hour, 30 days to a month', async () => {
  const query = { ask_contract_id: { eq: (await renter.search({ disk_space: { gte: 300 } }))[0].id } };
  const [small] = await renter.search({ ...query, allocated_storage: 10 });
  const [large] = await renter.search({ ...query, allocated_storage: 110 });
  expect(large.dph_total - small.dph_total).toBeCloseTo((100 * small.storage_cost) / 720, 5);
  expect(small.dph_total).toBeCloseTo(small.dph_base + (10 * small.storage_cost) / 720, 5);
  const [usual] = await renter.search(query);
  expect(usual.storage_total_cost).toBeCloseTo((8 * usual.storage_cost) / 720, 5);
});

test('a search for bids prices offers by their lowest bid', async () => {
  const [offer] = await renter.search({ type: 'bid', order: [['dph_total', 'asc']] });
  expect(offer).toMatchObject({ is_bid: true, dph_base: offer.min_bid });
  const [same] = await renter.search({ ask_contract_id: { eq: offer.id } });
  expect(same.is_bid).toBe(false);
  expect(same.dph_base).toBeGreaterThan(offer.min_bid);
});

test('filters that the query does not carry are not applied', async () => {
  const { json } = await renter.call('POST', '/api/v0/bundles/', {
    limit: 64,
    order: [['reliability', 'asc']],
  });
  expect(
    json.offers.some(({ verification }: { verification: string }) => verification === 'unverified'),
  ).toBe(true);
});

test('all three forms of the search call answer alike', async () => {
  const q = { num_gpus: { eq: 1 }, order: [['dph_total', 'asc']], limit: 3 };
  const posted = await renter.call('POST', '/api/v0/bundles', q);
  const put = await renter.call('PUT', '/api/v0/search/asks/', { select_cols: ['*'], q });
  const got = await renter.call('GET', `/api/v0/bundles/?q=${encodeURIComponent(JSON.stringify(q))}`);
  const ids = ({ json }: { json: { offers: { id: number }[] } }) => json.offers.map(({ id }) => id);
  expect(ids(put)).toEqual(ids(posted));
  expect(ids(got)).toEqual(ids(posted));
  expect(posted.type).toBe('application/json');
});

test.each([
  [
    'a bare value instead of an operator',
    { gpu_name: 'RTX 4090' },
    'bad_request',
    'q.gpu_name: Input should be a valid dictionary',
  ],
  [
    'an unknown operator',
    { num_gpus: { atleast: 1 } },
    'invalid_request',
    'atleast is not a valid search op',
  ],
  ['malformed JSON', '{"num_gpus":', 'invalid_request', 'Invalid json body'],
])('%s is refused with what is wrong', async (_, query, error, said) => {
  const { status, json } = await renter.call('POST', '/api/v0/bundles/', query);
  expect(status).toBe(400);
  expect(json).toMatchObject({ success: false, error, msg: expect.stringContaining(said) });
});

test('a bad key is a 404 that says so when the market has one key, and none is a 403', async () => {
  await using closed = await aMarket({ key: 'the-only-key' });
  expect((await aRenter(closed.url, 'the-only-key').call('GET', '/api/v0/users/current')).status).toBe(200);
  const bad = await aRenter(closed.url, 'another').call('GET', '/api/v0/users/current');
  expect([bad.status, bad.json]).toEqual([
    404,
    { success: false, error: 'auth_error', msg: 'Invalid user key' },
  ]);
  const none = await aRenter(closed.url, null).call('GET', '/api/v0/users/current');
  expect([none.status, none.json.error]).toEqual([403, 'auth_error']);
  const asParameter = await aRenter(closed.url, null).call(
    'GET',
    '/api/v0/users/current?api_key=the-only-key',
  );
  expect(asParameter.status).toBe(200);
});

test('without a fixed key every key is an account of its own, with its own instances and credit', async () => {
  await using open = await aMarket();
  const [anna, bert] = [aRenter(open.url, 'anna'), aRenter(open.url, 'bert')];
  const id = await anna.rent();
  await anna.until(id, { id });
  expect(await bert.show(id)).toBeNull();
  expect((await bert.destroy(id)).status).toBe(404);
  const ids = [anna, bert].map(async ({ call }) => (await call('GET', '/api/v0/users/current')).json.id);
  expect(await ids[0]).not.toBe(await ids[1]);
});

test('offers leave, change price and come as machine time passes', async () => {
  await using busy = await aMarket({ timeScale: 20_000, machines: 300 });
  const { search } = aRenter(busy.url, busy.key);
  const prices = async () =>
    new Map((await search({ order: [['id', 'asc']] })).map(({ id, dph_base }) => [id, dph_base]));
  const first = await prices();
  await expect
    .poll(
      async () => {
        const now = await prices();
        const left = [...first.keys()].filter((id) => !now.has(id)).length;
        const changed = [...first].filter(([id, price]) => now.has(id) && now.get(id) !== price).length;
        const came = [...now.keys()].filter((id) => !first.has(id)).length;
        return left > 0 && changed > 0 && came > 0;
      },
      { timeout: 15_000 },
    )
    .toBe(true);
});
