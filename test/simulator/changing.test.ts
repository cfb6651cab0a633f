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

const put = (id: number, body: unknown) => renter.call('PUT', `/api/v0/instances/${id}/`, body);

test('a stopped instance keeps its disk and gives its GPU back, and can be started again', async () => {
  const id = await renter.rent();
  await renter.until(id, { actual_status: 'running' });
  const { machine_id } = await renter.show(id);
  const free = async () => (await renter.search({ machine_id: { eq: machine_id } })).length;
  const before = await free();
  expect((await put(id, { state: 'stopped' })).json).toEqual({ success: true });
  await renter.until(id, {
    actual_status: 'exited',
    intended_status: 'stopped',
    cur_state: 'stopped',
    ports: null,
  });
  expect(await free()).toBe(before + 1);
  const { gpu, disk } = recordOf(market, id).usd;
  await expect.poll(() => recordOf(market, id).usd.disk, SOON).toBeGreaterThan(disk * 1.2);
  expect(recordOf(market, id).usd.gpu).toBe(gpu);
  expect((await put(id, { state: 'running' })).json).toEqual({ success: true });
  await renter.until(id, { actual_status: 'running', intended_status: 'running' });
});

test('a start whose GPU was rented meanwhile is queued, and happens when it is free again', async () => {
  const id = await renter.rent({}, { num_gpus: { eq: 1 } });
  await renter.until(id, { actual_status: 'running' });
  const { machine_id } = await renter.show(id);
  await put(id, { state: 'stopped' });
  await renter.until(id, { actual_status: 'exited' });
  const others: number[] = [];
  for (const { id: offerId } of await renter.search({ machine_id: { eq: machine_id } })) {
    others.push((await renter.create(offerId)).json.new_contract);
  }
  const queued = await put(id, { state: 'running' });
  expect([queued.status, queued.json]).toEqual([
    200,
    {
      success: false,
      error: 'resources_unavailable',
      msg: 'Required resources are currently unavailable, state change queued.',
    },
  ]);
  for (const other of others) await renter.destroy(other);
  await renter.until(id, { actual_status: 'running' });
});

test('a label can be changed, up to 1024 characters', async () => {
  const id = await renter.rent({ label: 'first' });
  await renter.until(id, { label: 'first' });
  expect((await put(id, { label: 'second' })).json).toEqual({ success: true });
  expect((await renter.show(id)).label).toBe('second');
  const long = await put(id, { label: 'x'.repeat(1025) });
  expect([long.status, long.json.error]).toEqual([400, 'label_too_long']);
  expect((await put(1, { label: 'x' })).status).toBe(404);
});

test('reboot and recycle bring the container back on the same contract', async () => {
  const id = await renter.rent();
  for (const how of ['reboot', 'recycle']) {
    await renter.until(id, { actual_status: 'running' });
    const [uptime] = [(await renter.show(id)).uptime_mins];
    expect((await renter.call('PUT', `/api/v0/instances/${how}/${id}/`, {})).json).toEqual({ success: true });
    expect(uptime).toBeGreaterThanOrEqual(0);
    await expect.poll(async () => (await renter.show(id)).uptime_mins, SOON).toBeNull();
  }
  await renter.until(id, { actual_status: 'running' });
});

test('a bid lowered below the going price loses the GPU', async () => {
  const [offer] = await renter.search({ type: 'bid' });
  const id = (await renter.create(offer.id, { price: offer.min_bid * 1.5 })).json.new_contract;
  await renter.until(id, { actual_status: 'running' });
  const bid = (price: number) =>
    renter.call('PUT', `/api/v0/instances/bid_price/${id}/`, { client_id: 'me', price });
  expect((await bid(offer.min_bid * 2)).json).toEqual({ success: true });
  expect((await renter.show(id)).dph_base).toBeCloseTo(offer.min_bid * 2, 5);
  await bid(offer.min_bid * 0.5);
  await renter.until(id, { intended_status: 'stopped', cur_state: 'stopped', next_state: 'stopped' });
});

test('an instance’s own key starts, stops, labels and destroys that instance and nothing else', async () => {
  const [offer, other] = await renter.search({ num_gpus: { eq: 1 } });
  const { new_contract: id, instance_api_key } = (await renter.create(offer.id)).json;
  const otherId = (await renter.create(other.id)).json.new_contract;
  const inside = aRenter(market.url, instance_api_key);
  const refusals = await Promise.all([
    inside.call('GET', `/api/v0/instances/${id}/`),
    inside.call('GET', '/api/v1/instances/'),
    inside.call('GET', '/api/v0/users/current'),
    inside.call('DELETE', '/api/v0/instances/', { instance_ids: [id] }),
    inside.call('DELETE', `/api/v0/instances/${otherId}/`),
    inside.create(offer.id),
  ]);
  for (const { status, json } of refusals) {
    expect(status).toBe(401);
    expect(json.msg).toContain('route access');
  }
  const own = (body: unknown) => inside.call('PUT', `/api/v0/instances/${id}/`, body);
  expect((await own({ label: 'from inside' })).json).toEqual({ success: true });
  expect((await own({ state: 'stopped' })).json).toEqual({ success: true });
  expect((await own({ state: 'running' })).json.success).toBe(true);
  expect((await inside.destroy(id)).json).toEqual({ success: true });
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('destroyed');
  expect(recordOf(market, id).destroyed_by).toBe('instance');
  // The key ends with its instance.
  expect((await inside.destroy(id)).json).toMatchObject({ error: 'auth_error' });
  expect(recordOf(market, otherId).destroyed_at).toBeNull();
});

test('logs come in two steps, from a place that needs no key and is not ready at once', async () => {
  const id = await renter.rent();
  await renter.until(id, { actual_status: 'running' });
  const anyone = aRenter(market.url, null);
  const logs = async (body: unknown) => {
    const { json } = await renter.call('PUT', `/api/v0/instances/request_logs/${id}/`, body);
    expect(json.success).toBe(true);
    const path = json.result_url.slice(market.url.length);
    const first = await anyone.call('GET', path);
    expect([403, 404]).toContain(first.status);
    await expect.poll(async () => (await anyone.call('GET', path)).status, SOON).toBe(200);
    return (await anyone.call('GET', path)).text;
  };
  await expect.poll(() => logs({ tail: '1000' }), SOON).toContain('Application startup complete');
  expect((await logs({ tail: '2' })).trimEnd().split('\n')).toHaveLength(2);
  expect(await logs({ filter: 'startup complete' })).not.toContain('Started server process');
  expect(await logs({ daemon_logs: 'true' })).toContain('Successfully loaded');
  expect((await renter.call('PUT', '/api/v0/instances/request_logs/1/', {})).json.error).toBe('invalid_id');
  expect(
    (await renter.call('PUT', `/api/v0/instances/command/${id}/`, { command: 'cat /etc/passwd' })).status,
  ).toBe(400);
});

test('a volume bills from its creation until it is deleted', async () => {
  const { json: found } = await renter.call('POST', '/api/v0/volumes/search/', {});
  const { json: made } = await renter.call('PUT', '/api/v0/volumes/', {
    id: found.offers[0].id,
    size: 100,
    name: 'data',
  });
  expect(made.volume_name).toBe(`V.${made.volume_id}`);
  const { json: listed } = await renter.call('GET', '/api/v0/volumes?owner=me&type=all_volume');
  expect(listed.volumes).toMatchObject([
    { id: made.volume_id, disk_space: 100, start_date: expect.any(Number) },
  ]);
  expect((await renter.call('DELETE', `/api/v0/volumes/?id=${made.volume_id}`)).json).toEqual({
    success: true,
  });
  expect((await renter.call('GET', '/api/v0/volumes')).json.volumes).toEqual([]);
  expect((await renter.call('DELETE', `/api/v0/volumes/?id=${made.volume_id}`)).json.error).toBe(
    'no_such_volume',
  );
});
