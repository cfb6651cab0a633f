import { expect, test } from 'vitest';
import type { MachineFault } from '../../src/simulator/fault-kinds.ts';
import { aMarket, aRenter, recordOf, SOON } from './renter.ts';

/** An instance whose machine has a fault, and its renter. */
async function onFaultyMachine(fault: MachineFault, seconds?: number) {
  const market = await aMarket();
  market.addFault({ fault, seconds });
  const renter = aRenter(market.url, 'renter');
  return { market, renter, id: await renter.rent(), [Symbol.asyncDispose]: market.close };
}

test('a machine stuck in loading never runs, and the service gives it up', async () => {
  await using scene = await onFaultyMachine('stuck-loading');
  await scene.renter.until(scene.id, { actual_status: 'loading', intended_status: 'running' });
  await scene.renter.until(scene.id, { actual_status: 'loading', intended_status: 'stopped' });
  expect(recordOf(scene.market, scene.id)).toMatchObject({ running_at: null, usd: { gpu: 0 } });
});

test.each<[MachineFault, RegExp]>([
  ['cdi-error', /failed to inject CDI devices: unresolvable CDI devices D\.\d+\/gpu=0/],
  ['oci-error', /OCI runtime create failed/],
  ['driver-too-old', /unsatisfied condition: cuda.*update your driver/],
])('%s leaves the container created, with the daemon’s words and no GPU bill', async (fault, words) => {
  await using scene = await onFaultyMachine(fault);
  await scene.renter.until(scene.id, { actual_status: 'created', status_msg: expect.stringMatching(words) });
  expect(recordOf(scene.market, scene.id).usd.gpu).toBe(0);
});

test('an image that cannot be found says so and stays in loading', async () => {
  await using scene = await onFaultyMachine('pull-error');
  const message = 'Error response from daemon: manifest for vllm/vllm-openai:v0.16.0 not found';
  await scene.renter.until(scene.id, {
    actual_status: 'loading',
    status_msg: expect.stringContaining(message),
  });
});

test('a missing port is not in the map though the instance runs', async () => {
  await using scene = await onFaultyMachine('port-missing');
  await scene.renter.until(scene.id, { actual_status: 'running', ports: {} });
});

test('an unreachable port is in the map and answers nobody', async () => {
  await using scene = await onFaultyMachine('port-unreachable');
  await scene.renter.until(scene.id, { actual_status: 'running', ports: { '8000/tcp': expect.any(Array) } });
  const row = await scene.renter.show(scene.id);
  const address = `http://${row.public_ipaddr.trim()}:${row.ports['8000/tcp'][0].HostPort}/health`;
  await expect(fetch(address)).rejects.toThrow();
});

test('an offline host bills nothing until it is back, and then again', async () => {
  await using scene = await onFaultyMachine('offline', 0.05);
  await scene.renter.until(scene.id, { actual_status: 'offline', intended_status: 'running', ports: null });
  const { total } = recordOf(scene.market, scene.id).usd;
  const seenAt = Date.now();
  await expect.poll(() => Date.now() - seenAt, { interval: 10 }).toBeGreaterThan(100);
  expect(recordOf(scene.market, scene.id)).toMatchObject({ state: 'offline', usd: { total } });
  await scene.renter.until(scene.id, { actual_status: 'running' });
  await expect.poll(() => recordOf(scene.market, scene.id).usd.gpu, SOON).toBeGreaterThan(0);
  expect(recordOf(scene.market, scene.id).usd.total).toBeGreaterThan(total);
});

test('an overcharging host makes the contract dearer than its offer, from the start or later', async () => {
  await using scene = await onFaultyMachine('overcharged');
  await scene.renter.until(scene.id, { id: scene.id });
  const [sound] = [await scene.renter.rent()];
  await scene.renter.until(sound, { id: sound });
  const [offer] = await scene.renter.search({ order: [['dph_base', 'asc']] });
  scene.market.addFault({ fault: 'overcharged' });
  const { json } = await scene.renter.create(offer.id);
  await scene.renter.until(json.new_contract, { id: json.new_contract });
  expect((await scene.renter.show(json.new_contract)).dph_base).toBeCloseTo(offer.dph_base * 1.5, 5);
  scene.market.addFault({ fault: 'overcharged', seconds: 0.1 });
  const [another] = await scene.renter.search({ order: [['dph_base', 'asc']] });
  const later = (await scene.renter.create(another.id)).json.new_contract;
  await scene.renter.until(later, {
    actual_status: 'running',
    dph_base: expect.closeTo(another.dph_base, 5),
  });
  await scene.renter.until(later, { dph_base: expect.closeTo(another.dph_base * 1.5, 5) });
});

test.each<[MachineFault]>([['outbid'], ['stopped-by-provider']])(
  '%s stops an instance unasked',
  async (fault) => {
    await using scene = await onFaultyMachine(fault, 0.05);
    await scene.renter.until(scene.id, {
      intended_status: 'stopped',
      cur_state: 'stopped',
      next_state: 'stopped',
    });
    const start = await scene.renter.call('PUT', `/api/v0/instances/${scene.id}/`, { state: 'running' });
    expect(start.json.error).toBe('resources_unavailable');
  },
);

test('a container whose process ends is exited, with its log still readable and no GPU bill', async () => {
  await using scene = await onFaultyMachine('exits', 0.05);
  await scene.renter.until(scene.id, { actual_status: 'exited', intended_status: 'running' });
  const { gpu } = recordOf(scene.market, scene.id).usd;
  const logs = await scene.renter.call('PUT', `/api/v0/instances/request_logs/${scene.id}/`, { tail: '10' });
  expect(logs.json.success).toBe(true);
  const { disk } = recordOf(scene.market, scene.id).usd;
  await expect.poll(() => recordOf(scene.market, scene.id).usd.disk, SOON).toBeGreaterThan(disk * 1.2);
  expect(recordOf(scene.market, scene.id).usd.gpu).toBe(gpu);
});

test('a fault of one machine leaves the others sound', async () => {
  await using market = await aMarket();
  const renter = aRenter(market.url, 'renter');
  const [bad] = await renter.search();
  market.addFault({ fault: 'cdi-error', machine_id: bad.machine_id, times: 0 });
  const good = await renter.rent({}, { machine_id: { neq: bad.machine_id } });
  const { json } = await renter.create(bad.id);
  await renter.until(good, { actual_status: 'running' });
  await renter.until(json.new_contract, {
    actual_status: 'created',
    status_msg: expect.stringContaining('CDI'),
  });
});

test('a calm market has no faults, a hostile one has bad hosts that stay bad', async () => {
  const outcomes = async (profile: 'calm' | 'hostile') => {
    await using market = await aMarket({ profile, machines: 120, seed: 3 });
    const renter = aRenter(market.url, 'renter');
    const ids: number[] = [];
    for (const { id } of await renter.search({ limit: 30 }).catch(() => [])) {
      const { json } = await renter.create(id).catch(() => ({ json: null }));
      if (json?.new_contract) ids.push(json.new_contract);
    }
    const isSettled = () => ids.every((id) => recordOf(market, id).state !== 'provisioning');
    await expect.poll(isSettled, SOON).toBe(true);
    return { rented: ids.length, faults: market.requests().filter(({ fault }) => fault !== null).length };
  };
  expect(await outcomes('calm')).toEqual({ rented: 30, faults: 0 });
  const hostile = await outcomes('hostile');
  expect(hostile.faults).toBeGreaterThan(0);
  expect(hostile.rented).toBeLessThan(30);
});
