import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { aMarket, aRenter, SOON } from './renter.ts';

let market: Simulator;
let renter: ReturnType<typeof aRenter>;
let ids: number[];

beforeAll(async () => {
  market = await aMarket({ machines: 200 });
  renter = aRenter(market.url, 'lister');
  const offers = await renter.search({ limit: 60 });
  ids = [];
  for (const [index, { id }] of offers.slice(0, 28).entries()) {
    const { json } = await renter.create(id, { label: index < 3 ? 'trio' : null, image: 'ubuntu:24.04' });
    ids.push(json.new_contract);
  }
  await vi.waitFor(async () => expect((await renter.list()).json.total_instances).toBe(28), SOON);
});

afterAll(() => market.close());

test('the old list is gone with 410, while other methods on its path work', async () => {
  const { status, json } = await renter.call('GET', '/api/v0/instances/?owner=me');
  expect([status, json.error]).toEqual([410, 'deprecated_endpoint']);
});

test('a list comes in pages of at most 25, each once, with the count of all', async () => {
  const first = (await renter.list({ limit: 500 })).json;
  expect(first).toMatchObject({ success: true, instances_found: 25, total_instances: 28 });
  expect(first.next_token).toEqual(expect.any(String));
  const second = (await renter.list({ after_token: first.next_token })).json;
  expect(second).toMatchObject({ instances_found: 3, total_instances: 28, next_token: null });
  const listed = [...first.instances, ...second.instances].map(({ id }) => id);
  expect(listed).toEqual([...ids].sort((a, b) => a - b));
  expect((await renter.list({ limit: 0 })).json.instances).toHaveLength(5);
});

test('labels are counted and matched exactly', async () => {
  const { json } = await renter.list();
  expect(json.label_counts).toEqual({ trio: 3, '': 25 });
  const exact = async (filter: unknown) =>
    (await renter.list({ select_filters: { label: filter } })).json.total_instances;
  expect(await exact({ eq: 'trio' })).toBe(3);
  expect(await exact({ eq: 'tri' })).toBe(0);
  expect(await exact({ in: ['trio', 'other'] })).toBe(3);
  expect(await exact({ in: [null] })).toBe(25);
});

test('order, columns and filters on stored columns hold', async () => {
  const { json } = await renter.list({
    order_by: [{ col: 'id', dir: 'desc' }],
    select_cols: ['id', 'label', 'no_such_column'],
    select_filters: { id: { gte: ids[25] } },
  });
  expect(json.instances).toEqual(
    [27, 26, 25].map((index) => ({ id: ids[index], label: null, no_such_column: null })),
  );
});

test('a filter on a computed column and a bad page token are refused', async () => {
  const computed = await renter.list({ select_filters: { dph_total: { lte: 1 } } });
  expect([computed.status, computed.json.error]).toEqual([400, 'invalid_request']);
  expect(computed.json.msg).toContain('is not a valid search key');
  const token = await renter.list({ after_token: 'nonsense' });
  expect([token.status, token.json.error]).toEqual([400, 'invalid_token']);
});

test('every row has a numeric start and its environment as pairs', async () => {
  const main = aRenter(market.url, market.key);
  for (const row of [...(await renter.list()).json.instances, ...(await main.list()).json.instances]) {
    expect(typeof row.start_date).toBe('number');
    expect(row.extra_env.every((pair: unknown) => Array.isArray(pair) && pair.length === 2)).toBe(true);
  }
});

test('other people’s instances are in the main account, running, at a price nobody minds', async () => {
  const main = aRenter(market.url, market.key);
  const { json } = await main.list();
  expect(json.total_instances).toBeGreaterThanOrEqual(2);
  expect(json.label_counts['']).toBe(1);
  const strangers = market.contracts().filter(({ requested_at, created_at }) => requested_at === created_at);
  for (const { state, usd } of strangers) {
    expect(state).toBe('running');
    expect(usd.total).toBeLessThan(0.01);
  }
});
