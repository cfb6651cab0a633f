import { expect, test } from 'vitest';
import type { Backend, ServingOrder } from '../../../src/simulator/backend.ts';
import type { Simulator } from '../../../src/simulator/simulator.ts';
import { aMarket, aRenter, recordOf, SOON } from '../renter.ts';

type Played = { readonly order: ServingOrder; exit(): void };

/** Containers that a test plays: each says what `says` has it say, as a worker in it would, until it is stopped. */
function aPlayedBackend(says: Record<string, unknown> = {}) {
  const started: Played[] = [];
  const backend: Backend = {
    name: 'process',
    start: async (order) => {
      const { promise: exited, resolve } = Promise.withResolvers<{ code: number; signal: null }>();
      const timer = setInterval(() => void report(order, says), 100);
      const stop = async () => clearInterval(timer);
      started.push({ order, exit: () => stop().then(() => resolve({ code: 1, signal: null })) });
      return { logLines: () => [], exited, stop };
    },
  };
  return { backend, started };
}

async function report(
  { environment, instanceId }: ServingOrder,
  says: Record<string, unknown>,
): Promise<void> {
  const { MASTER_TOKEN: mtoken, REPORT_ADDR: engine } = environment;
  const body = { id: instanceId, mtoken, url: 'http://127.0.0.1:9', loadtime: 1, max_perf: 100, ...says };
  await fetch(`${engine}/worker_status/`, { method: 'POST', body: JSON.stringify(body) }).catch(
    () => undefined,
  );
}

async function anEndpoint(market: Simulator, settings: Record<string, unknown>) {
  const renter = aRenter(market.url, market.key);
  const fields = {
    name: 'scaled',
    image: 'worker',
    tag: '1',
    env: '-p 3000:3000 -e WORKER_PORT=3000 -e GREETING="good day"',
    onstart: 'run',
    runtype: 'ssh',
    recommended_disk_space: 30,
  };
  const { template } = (await renter.call('POST', '/api/v0/template/', fields)).json;
  const order = { endpoint_name: 'scaled', ...settings };
  const id: number = (await renter.call('POST', '/api/v0/endptjobs/', order)).json.result;
  const group = {
    endpoint_id: id,
    template_hash: template.hash_id,
    search_params: 'num_gpus=1',
    gpu_ram: 20,
  };
  const made = await renter.call('POST', '/api/v0/workergroups/', group);
  const { api_key: key } = (await renter.call('GET', `/api/v0/endptjobs/${id}/`)).json.result;
  return {
    groupId: made.json.id as number,
    change: (body: Record<string, unknown>) => renter.call('PUT', `/api/v0/endptjobs/${id}/`, body),
    route: async (cost = 10) =>
      (await aRenter(market.url, key).call('POST', '/route/', { endpoint: 'scaled', cost })).json,
    logs: async () => (await renter.call('POST', '/get_endpoint_logs/', { id })).json.info0 as string,
  };
}

const statuses = (market: Simulator) => market.serverless().workers.map(({ status }) => status);

test('cold workers are rented by the group’s search and run its template with what a worker needs', async () => {
  const { backend, started } = aPlayedBackend();
  await using market = await aMarket({ backend });
  await anEndpoint(market, { cold_workers: 2, max_workers: 3 });
  await expect.poll(() => statuses(market), SOON).toEqual(['idle', 'idle']);
  const [worker] = market.serverless().workers;
  const order = started.find((one) => one.order.instanceId === worker?.id)?.order;
  expect(order).toMatchObject({ image: 'worker:1', onstart: 'run' });
  const outside = order?.ports.find(({ containerPort }) => containerPort === 3000)?.hostPort;
  expect(order?.environment).toMatchObject({
    CONTAINER_ID: String(worker?.id),
    REPORT_ADDR: market.url,
    MASTER_TOKEN: expect.stringMatching(/^[0-9a-f]{48}$/),
    PUBLIC_IPADDR: '127.0.0.1',
    VAST_TCP_PORT_3000: String(outside),
    WORKER_PORT: '3000',
    GREETING: 'good day',
  });
  const machines = (await aRenter(market.url, null).call('GET', '/_sim/machines')).json.machines;
  for (const { id } of market.serverless().workers) {
    const { machine_id } = recordOf(market, id);
    const machine = machines.find((one: { machine_id: number }) => one.machine_id === machine_id);
    expect(machine.gpu_ram).toBeGreaterThanOrEqual(20_000);
  }
});

test('an endpoint at zero rents for the first request, up to its limit, and is back at zero when idle', async () => {
  const { backend } = aPlayedBackend();
  await using market = await aMarket({ backend, patience: { idleSeconds: 0.5 } });
  const endpoint = await anEndpoint(market, { cold_workers: 0, max_workers: 2, inactivity_timeout: 1 });
  expect(statuses(market)).toEqual([]);
  expect(await endpoint.route()).not.toHaveProperty('url');
  await expect.poll(() => endpoint.route(), SOON).toHaveProperty('url');
  // 30 s of load for one worker, seen in half a minute, is more than two of them do.
  await endpoint.route(9_000);
  await expect.poll(() => statuses(market), SOON).toEqual(['idle', 'idle']);
  await endpoint.change({ min_load: 0, max_workers: 0 });
  await expect.poll(() => statuses(market), SOON).toEqual([]);
});

test('a worker whose container ends, and one that stays errored, are replaced; each failure waits longer', async () => {
  const says: Record<string, unknown> = {};
  const { backend, started } = aPlayedBackend(says);
  await using market = await aMarket({ backend, patience: { erroredSeconds: 0.3, retrySeconds: 0.5 } });
  const endpoint = await anEndpoint(market, { cold_workers: 1, max_workers: 1 });
  await expect.poll(() => statuses(market), SOON).toEqual(['idle']);
  const first = market.serverless().workers[0]?.id;
  started[0]?.exit();
  await expect.poll(() => market.serverless().workers.map(({ id }) => id), SOON).not.toContain(first);
  await expect.poll(() => statuses(market), SOON).toEqual(['idle']);
  expect(recordOf(market, first ?? 0).destroy_accepted_at).not.toBeNull();

  says.error_msg = 'CUDA error';
  await expect.poll(() => started.length, SOON).toBeGreaterThanOrEqual(4);
  expect(await endpoint.logs()).toMatch(
    /its container ended[\s\S]*errored: CUDA error[\s\S]*errored: CUDA error/,
  );
  const rentedAt = market
    .contracts()
    .filter(({ id }) => started.some(({ order }) => order.instanceId === id))
    .map(({ requested_at }) => requested_at);
  const [, second = 0, third = 0, fourth = 0] = rentedAt;
  expect(fourth - third).toBeGreaterThan(third - second);
});

test('stopping an endpoint stops its machines, and they serve again when it is active', async () => {
  const { backend } = aPlayedBackend();
  await using market = await aMarket({ backend });
  const endpoint = await anEndpoint(market, { cold_workers: 1, max_workers: 1 });
  await expect.poll(() => statuses(market), SOON).toEqual(['idle']);
  const id = market.serverless().workers[0]?.id ?? 0;
  await endpoint.change({ endpoint_state: 'stopped' });
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('exited');
  expect(statuses(market)).toEqual(['stopped']);
  await endpoint.change({ endpoint_state: 'active' });
  await expect.poll(() => statuses(market), SOON).toEqual(['idle']);
  expect(market.serverless().workers[0]?.id).toBe(id);
});

test('a group whose search finds nothing says so in the log, and rents nothing', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market, { cold_workers: 1 });
  const renter = aRenter(market.url, market.key);
  const path = `/api/v0/workergroups/${endpoint.groupId}/`;
  const worker = market.serverless().workers[0]?.id;
  expect((await renter.call('PUT', path, { search_params: 'gpu_ram is big' })).json).toMatchObject({
    error: 'invalid_args',
    msg: expect.stringContaining('search_params'),
  });
  await renter.call('PUT', path, { search_params: 'num_gpus=512' });
  await endpoint.change({ cold_workers: 2 });
  await expect.poll(() => endpoint.logs(), SOON).toContain('no offer meets its search');
  expect(market.serverless().workers.map(({ id }) => id)).toEqual(worker === undefined ? [] : [worker]);
});

test('an instance created from a template by hand runs what the template says, but for what the call says', async () => {
  const { backend, started } = aPlayedBackend();
  await using market = await aMarket({ backend });
  await anEndpoint(market, { cold_workers: 0 });
  const renter = aRenter(market.url, market.key);
  const [{ hash_id }] = (await renter.call('GET', '/api/v0/template/')).json.templates;
  const [offer] = await renter.search({ order: [['dph_total', 'asc']] });
  const order = { template_hash_id: hash_id, image: null, disk: 40, onstart: null, env: {} };
  const { json } = await renter.call('PUT', `/api/v0/asks/${offer.id}/`, order);
  await expect.poll(() => started.map((one) => one.order.instanceId), SOON).toEqual([json.new_contract]);
  expect(started[0]?.order).toMatchObject({
    image: 'worker:1',
    onstart: 'run',
    environment: { GREETING: 'good day', WORKER_PORT: '3000' },
  });
  expect(started[0]?.order.environment).not.toHaveProperty('MASTER_TOKEN');
  expect((await renter.show(json.new_contract)).disk_space).toBe(40);
});
