import { expect, test } from 'vitest';
import { aMarket, aRenter, type Json, recordOf, SOON } from './renter.ts';

const DAY = { day: { gte: 0, lte: 4_000_000_000 } };

function chargesPath(filters: Record<string, unknown> = DAY): string {
  return `/api/v0/charges/?${new URLSearchParams({ select_filters: JSON.stringify(filters), limit: '500' })}`;
}

test('GPU is billed by the second while running, disk from create to gone, on the wall clock', async () => {
  await using market = await aMarket();
  const { rent, until, show, destroy } = aRenter(market.url, market.key);
  const id = await rent({ disk: 1000 }, { disk_space: { gte: 1500 } });
  await until(id, { actual_status: 'running' });
  const { dph_base, storage_total_cost } = await show(id);
  await expect.poll(() => recordOf(market, id).usd.gpu, SOON).toBeGreaterThan((dph_base / 3600) * 0.5);
  await destroy(id);
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('destroyed');
  const { billed_until } = recordOf(market, id);
  await expect.poll(() => Date.now() / 1000 > (billed_until ?? Number.POSITIVE_INFINITY), SOON).toBe(true);
  const { usd, running_at, created_at } = recordOf(market, id);
  const gpuHours = ((billed_until ?? 0) - (running_at ?? 0)) / 3600;
  const diskHours = ((billed_until ?? 0) - created_at) / 3600;
  expect(usd.gpu).toBeCloseTo(dph_base * gpuHours, 7);
  expect(usd.disk).toBeCloseTo(storage_total_cost * diskHours, 6);
  expect(usd.total).toBeCloseTo(usd.gpu + usd.disk + usd.bandwidth, 8);
});

test('billing ends from 22 s before to 290 s after the end, sped up as machines are', async () => {
  await using market = await aMarket({ timeScale: 1000, machines: 100 });
  const { search, create, destroy } = aRenter(market.url, market.key);
  const offers = await search({ limit: 25 });
  const ids = await Promise.all(offers.map(async ({ id }) => (await create(id)).json.new_contract as number));
  for (const id of ids) await destroy(id);
  await expect.poll(() => ids.every((id) => recordOf(market, id).destroyed_at !== null), SOON).toBe(true);
  const tails = ids.map((id) => {
    const { billed_until, destroyed_at } = recordOf(market, id);
    return ((billed_until ?? 0) - (destroyed_at ?? 0)) * 1000;
  });
  for (const tail of tails) expect(tail > -22.1 && tail < 290.1).toBe(true);
  expect(new Set(tails.map(Math.round)).size).toBeGreaterThan(10);
});

test('the image’s bytes are billed at the host’s price and counted in MB', async () => {
  await using market = await aMarket();
  const { rent, until, show, search } = aRenter(market.url, market.key);
  const [dear] = await search({ inet_down_cost: { gte: 0.004 } });
  const id = await rent({}, { ask_contract_id: { eq: dear.id } });
  await until(id, { actual_status: 'running' });
  const { inet_down_billed, inet_down_cost } = await show(id);
  expect(inet_down_billed).toBeCloseTo(9600, 0);
  expect(recordOf(market, id).usd.bandwidth).toBeGreaterThanOrEqual(9.6 * inet_down_cost * 0.999);
});

test('credit, charges and the provider’s books agree', async () => {
  await using market = await aMarket();
  const { rent, until, destroy, call } = aRenter(market.url, 'payer');
  expect((await call('GET', '/api/v0/users/current')).json).toMatchObject({ credit: 100, balance: 0 });
  const id = await rent({ label: 'charged' });
  await until(id, { actual_status: 'running' });
  await destroy(id);
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('destroyed');
  const settled = () => Date.now() / 1000 > (recordOf(market, id).billed_until ?? Number.POSITIVE_INFINITY);
  await expect.poll(settled, SOON).toBe(true);
  const { usd, billed_until } = recordOf(market, id);
  await expect
    .poll(async () => (await call('GET', chargesPath())).json.results[0]?.end, SOON)
    .toBeCloseTo(billed_until ?? 0, 3);
  const { json } = await call('GET', chargesPath());
  expect(json).toMatchObject({ success: true, count: 1, total: 1, next_token: null });
  const [row] = json.results;
  expect(row).toMatchObject({ type: 'instance', source: `instance-${id}`, metadata: { label: 'charged' } });
  expect(row.items.map(({ type }: Json) => type)).toEqual(['gpu', 'disk', 'bwd', 'bwu']);
  expect(row.items[0].description).toMatch(/^\d+\.\d{3} hours at \$\d+\.\d{3}\/hour$/);
  expect(row.amount).toBeCloseTo(usd.total, 5);
  const user = (await call('GET', '/api/v0/users/current')).json;
  expect(100 - user.credit).toBeCloseTo(usd.total, 5);
});

test('charges lag behind the meter', async () => {
  await using market = await aMarket({ chargesLagSeconds: 3600 });
  const { rent, until, call } = aRenter(market.url, 'late');
  // The first posting is at the start; what comes later waits for the next.
  await expect.poll(async () => (await call('GET', '/api/v0/users/current')).status, SOON).toBe(200);
  const id = await rent();
  await until(id, { actual_status: 'running' });
  expect(recordOf(market, id).usd.total).toBeGreaterThan(0);
  const shown = (await call('GET', chargesPath())).json.results.reduce(
    (sum: number, { amount }: Json) => sum + amount,
    0,
  );
  expect(shown).toBeLessThan(recordOf(market, id).usd.total);
});

test('charges without a span of days, and invoices without one, are refused each in its own way', async () => {
  await using market = await aMarket();
  const { call } = aRenter(market.url, market.key);
  const charges = await call('GET', chargesPath({}));
  expect(charges.status).toBe(400);
  expect(charges.json.msg).toContain("Must provide both 'day' gte and lte");
  const invoices = await call('GET', '/api/v1/invoices/');
  expect([invoices.status, invoices.json.success]).toEqual([200, false]);
  const paid = await call(
    'GET',
    `/api/v1/invoices/?select_filters=${JSON.stringify({ when: { gte: 0, lte: 4e9 } })}`,
  );
  expect(paid.json).toMatchObject({ count: 1, results: [{ amount: 100 }] });
});

test('at zero credit every instance stops together, and is deleted when nobody pays', async () => {
  await using market = await aMarket({ timeScale: 2000 });
  const { rent, until, create, search, call } = aRenter(market.url, 'poor');
  const ids = [await rent(), await rent()];
  for (const id of ids) await until(id, { actual_status: 'running' });
  market.setCredit(0.000_001, 'poor');
  for (const id of ids) await until(id, { intended_status: 'stopped', actual_status: 'exited' });
  expect((await call('GET', '/api/v0/users/current')).json.credit).toBeLessThanOrEqual(0);
  const refused = await create((await search())[0].id);
  expect([refused.status, refused.json.error]).toEqual([400, 'insufficient_credit']);
  for (const id of ids) {
    await expect
      .poll(() => recordOf(market, id), SOON)
      .toMatchObject({ state: 'destroyed', destroyed_by: 'credit' });
  }
});

test('paid up again in time, instances stay', async () => {
  await using market = await aMarket({ timeScale: 1000 });
  const { rent, until, call } = aRenter(market.url, 'saved');
  const id = await rent();
  await until(id, { actual_status: 'running' });
  market.setCredit(0, 'saved');
  await until(id, { intended_status: 'stopped' });
  market.setCredit(5, 'saved');
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('exited');
  const start = () => call('PUT', `/api/v0/instances/${id}/`, { state: 'running' });
  await expect.poll(async () => (await start()).json.success, SOON).toBe(true);
  await until(id, { actual_status: 'running' });
});
