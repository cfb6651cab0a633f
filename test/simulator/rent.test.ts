import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { aMarket, aRenter, recordOf, SOON } from './renter.ts';

let market: Simulator;
let renter: ReturnType<typeof aRenter>;

beforeAll(async () => {
  market = await aMarket();
  renter = aRenter(market.url, market.key);
});

afterAll(() => market.close());

test('an instance goes from nothing over loading to running, and then has ports that serve', async () => {
  // Slower than elsewhere, so that no state passes unseen.
  await using slow = await aMarket({ timeScale: 300 });
  const { rent, show, until, destroy } = aRenter(slow.url, slow.key);
  const id = await rent({ label: 'boot' });
  const seen: unknown[] = [];
  await expect
    .poll(
      async () => {
        const row = await show(id);
        if (row === null) return null;
        if (seen.at(-1) !== row.actual_status) seen.push(row.actual_status);
        if (row.actual_status !== 'running') {
          expect(row.ports ?? {}).toEqual({});
          expect(row.direct_port_start).toBe(-1);
        }
        return row.actual_status;
      },
      { timeout: 20_000, interval: 5 },
    )
    .toBe('running');
  expect([null, 'loading', 'created', 'running']).toEqual(expect.arrayContaining(seen));
  expect(seen).toContain('loading');
  await until(id, {
    status_msg: 'success, running vllm/vllm-openai_v0.16.0/ssh',
    intended_status: 'running',
  });
  const row = await show(id);
  const port = row.ports['8000/tcp'][0].HostPort;
  expect(port).toMatch(/^\d+$/);
  expect(row).toMatchObject({ id, label: 'boot', direct_port_count: 1, direct_port_start: Number(port) });
  expect(row.extra_env).toEqual(
    expect.arrayContaining([
      ['-p 8000:8000', '1'],
      ['MODEL', 'tiny'],
    ]),
  );
  expect(typeof row.start_date).toBe('number');
  expect(row.uptime_mins).toBeGreaterThanOrEqual(0);
  const models = `http://${row.public_ipaddr.trim()}:${port}/v1/models`;
  const answer = () =>
    fetch(models, { headers: { authorization: 'Bearer secret' } }).then(
      (r) => r.status,
      () => 0,
    );
  await expect.poll(answer, SOON).toBe(200);
  await destroy(id);
  await expect.poll(answer, SOON).toBe(0);
});

test('an offer is rented once, and is back on the market after the destroy', async () => {
  const [offer] = await renter.search({ order: [['dph_total', 'asc']] });
  const { json } = await renter.create(offer.id);
  expect(json).toMatchObject({
    success: true,
    new_contract: expect.any(Number),
    instance_api_key: expect.any(String),
  });
  const again = await renter.create(offer.id);
  expect([404, 410]).toContain(again.status);
  expect(again.json.msg).toContain('no_such_ask');
  const onMachine = { machine_id: { eq: offer.machine_id }, gpu_ids: undefined };
  const before = (await renter.search(onMachine)).length;
  await renter.destroy(json.new_contract);
  await expect.poll(async () => (await renter.search(onMachine)).length, SOON).toBe(before + 1);
  expect((await renter.search({ ask_contract_id: { eq: offer.id } })).length).toBe(0);
});

test.each([
  ['a label of 257 characters', { label: 'x'.repeat(257) }, 400, 'invalid_args'],
  ['a start script of 4049 characters', { onstart: 'x'.repeat(4049) }, 400, 'invalid_args'],
  ['no image', { image: null }, 400, 'invalid_args'],
  ['a disk below 8 GB', { disk: 4 }, 400, 'invalid_args'],
  ['a disk larger than the machine has', { disk: 90_000 }, 400, 'invalid_args'],
  ['an unknown run type', { runtype: 'docker' }, 400, 'invalid_args'],
  ['a bid of nothing', { price: 0 }, 400, 'invalid_price'],
  ['a bid below the lowest', { price: 0.001 }, 400, 'invalid_price'],
  [
    '257 variables',
    { env: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`V${n}`, '1'])) },
    400,
    'invalid_args',
  ],
  ['variables of 33 kB', { env: { BIG: 'x'.repeat(33_000) } }, 400, 'invalid_args'],
  ['a null where text is due', { env: { ODD: null } }, 500, 'server_error'],
])('%s is refused and rents nothing', async (_, order, status, error) => {
  const known = market.contracts().length;
  const [offer] = await renter.search();
  const answer = await renter.create(offer.id, order);
  expect([answer.status, answer.json.error]).toEqual([status, error]);
  expect(market.contracts()).toHaveLength(known);
});

test('an offer that never was is refused as not available', async () => {
  const { status, json } = await renter.create(1);
  expect([status, json.error]).toEqual([404, 'invalid_args']);
  expect(json.msg).toContain('no_such_ask');
});

test('a bid rents at its price, and the instance says that it is one', async () => {
  const [offer] = await renter.search({ type: 'bid' });
  const { json } = await renter.create(offer.id, { price: offer.min_bid * 1.2 });
  await renter.until(json.new_contract, { is_bid: true });
  const row = await renter.show(json.new_contract);
  expect(row.dph_base).toBeCloseTo(offer.min_bid * 1.2, 5);
  expect(recordOf(market, json.new_contract).is_bid).toBe(true);
});

test('the environment may come as docker flags in one string', async () => {
  const id = await renter.rent({ env: '-p 9000:9000 -e NAME="two words"' });
  await renter.until(id, { actual_status: 'running' });
  const row = await renter.show(id);
  expect(Object.keys(row.ports)).toEqual(['9000/tcp']);
  expect(row.extra_env).toContainEqual(['NAME', 'two words']);
});

test('launch instance searches and rents in one call', async () => {
  const q = { gpu_name: { eq: 'RTX 3090' }, num_gpus: { eq: '1' }, order: [['dph_total', 'asc']], limit: 3 };
  const { json } = await renter.call('PUT', '/api/v0/launch_instance/', {
    image: 'ubuntu:24.04',
    disk: 10,
    q,
  });
  await renter.until(json.new_contract, { gpu_name: 'RTX 3090' });
  const none = await renter.call('PUT', '/api/v0/launch_instance/', {
    image: 'u',
    q: { gpu_name: { eq: 'None' } },
  });
  expect(none.status).toBe(404);
});

test('several offers are rented in one bulk call', async () => {
  const offers = await renter.search({ limit: 2 });
  const ids = offers.map(({ id }) => id);
  const { json } = await renter.call('POST', '/api/v0/asks/bulk/', { ids, image: 'ubuntu:24.04', disk: 10 });
  expect(json.new_contracts).toHaveLength(2);
});

test('show of an unknown or destroyed instance is null under the plural key', async () => {
  const unknown = await renter.call('GET', '/api/v0/instances/1/?owner=me');
  expect([unknown.status, unknown.json]).toEqual([200, { instances: null }]);
  const id = await renter.rent();
  await renter.until(id, { id });
  await renter.destroy(id);
  await expect.poll(() => renter.show(id), SOON).toBeNull();
  const again = await renter.destroy(id);
  expect([again.status, again.json.error]).toEqual([404, 'no_such_instance']);
});

test('paths are taken with and without their last slash', async () => {
  for (const path of [
    '/api/v0/users/current',
    '/api/v0/users/current/',
    '/api/v1/instances',
    '/api/v1/instances/',
  ]) {
    expect((await renter.call('GET', path)).status, path).toBe(200);
  }
});

test('one resource answers as autojobs and as workergroups', async () => {
  const bodies = await Promise.all(
    ['autojobs', 'workergroups'].map(async (name) => (await renter.call('GET', `/api/v0/${name}/`)).json),
  );
  expect(bodies[0]).toEqual({ success: true, results: [] });
  expect(bodies[1]).toEqual(bodies[0]);
});

test('a DELETE may carry a body', async () => {
  const ids = [await renter.rent(), await renter.rent()];
  const { json } = await renter.call('DELETE', '/api/v0/instances/', { instance_ids: ids });
  expect(json.success).toBe(true);
  for (const id of ids) await expect.poll(() => recordOf(market, id).state, SOON).toBe('destroyed');
  const tooMany = await renter.call('DELETE', '/api/v0/instances/', { instance_ids: Array(65).fill(1) });
  expect(tooMany.status).toBe(400);
});
