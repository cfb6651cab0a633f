import { createPublicKey, verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aMarket, aRenter, SOON } from '../renter.ts';
import { anEndpoint } from './an-endpoint.ts';

test('a request is sent to a ready worker, and its url is signed as workers check it', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const worker = await endpoint.worker();
  await worker.report();
  const routed = await endpoint.route({ cost: 256 });
  expect(routed).toMatchObject({ endpoint: 'played', url: worker.url, cost: 256, reqnum: 1, request_idx: 1 });
  expect(Object.keys(routed).sort()).toEqual(
    ['__request_id', 'cost', 'endpoint', 'reqnum', 'request_idx', 'signature', 'url'].sort(),
  );
  const { text, type } = await aRenter(market.url, null).call('GET', '/pubkey/');
  expect(type).toBe('text/plain');
  const signed = Buffer.from(`{\n    "url": "${worker.url}"\n}`);
  const signature = Buffer.from(routed.signature, 'base64');
  expect(verify('sha256', signed, createPublicKey(text), signature)).toBe(true);
  expect(verify('sha256', Buffer.from('{"url": "x"}'), createPublicKey(text), signature)).toBe(false);
});

test('without a ready worker a request waits under its index, and is sent once there is one', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const waiting = await endpoint.route();
  expect(waiting).not.toHaveProperty('url');
  expect(waiting).toMatchObject({ request_idx: 1, status: expect.stringContaining('ready: 0') });
  const worker = await endpoint.worker();
  await worker.report({ loadtime: 0, max_perf: 0 });
  expect(await endpoint.route({ request_idx: 1 })).not.toHaveProperty('url');
  await worker.report();
  expect(await endpoint.route({ request_idx: 1 })).toMatchObject({ request_idx: 1, url: worker.url });
  expect(market.serverless().ledger).toHaveLength(1);
});

test('an errored worker, a silent one and one with another token get nothing', async () => {
  await using market = await aMarket({ patience: { silentSeconds: 1 } });
  const endpoint = await anEndpoint(market);
  const worker = await endpoint.worker();
  expect((await worker.report({ mtoken: 'another' })).status).toBe(401);
  await worker.report({ error_msg: 'CUDA out of memory' });
  expect(await endpoint.route()).not.toHaveProperty('url');
  expect(market.serverless().workers).toMatchObject([{ status: 'error' }]);
  await worker.report();
  expect(await endpoint.route()).toHaveProperty('url');
  await expect.poll(() => market.serverless().workers, SOON).toEqual([]);
  expect(await endpoint.route()).not.toHaveProperty('url');
  expect((await worker.report()).status).toBe(401);
});

test('requests go where the wait is shortest, by load in hand and load on its way', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const [slow, fast] = [await endpoint.worker(), await endpoint.worker()];
  await slow.report({ max_perf: 100 });
  await fast.report({ max_perf: 1000, cur_load: 500 });
  // 0 s against 0.5 s; then, with 200 on its way to the slow one, 2 s against 0.5 s.
  expect((await endpoint.route({ cost: 200 })).url).toBe(slow.url);
  expect((await endpoint.route({ cost: 200 })).url).toBe(fast.url);
  expect((await endpoint.route({ cost: 200 })).url).toBe(fast.url);
});

test('beyond the endpoint’s queue limit requests wait in the engine', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market, { max_queue_time: 2 });
  const worker = await endpoint.worker();
  await worker.report({ cur_load: 2_500 });
  expect(await endpoint.route()).not.toHaveProperty('url');
  await worker.report({ cur_load: 1_500 });
  expect(await endpoint.route()).toHaveProperty('url');
});

test('the ledger holds a request until its worker retires it or no longer has it in hand', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const [worker, other] = [await endpoint.worker(), await endpoint.worker()];
  await worker.report();
  for (const idx of [1, 2, 3]) expect((await endpoint.route()).request_idx).toBe(idx);
  const open = () => market.serverless().ledger.map(({ idx }) => idx);
  expect((await other.retire(1)).json).toMatchObject({ deleted: 0 });
  expect((await worker.retire(1, 1, 99)).json).toMatchObject({ deleted: 1 });
  expect(open()).toEqual([2, 3]);
  await worker.report({ working_request_idxs: [2] });
  expect(open()).toEqual([2, 3]);
  await worker.report({ working_request_idxs: [] });
  expect(open()).toEqual([3]);
  expect(market.serverless().retired).toMatchObject([
    { idx: 1, how: 'delete_requests', reported: { status: 'Success' } },
    { idx: 2, how: 'no longer in hand' },
  ]);
  await endpoint.route({ replay_timeout: 0.1 });
  await expect.poll(open, SOON).toEqual([3]);
});

test('only the endpoint’s own key routes, and a stranger reads neither its workers nor its logs', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const { status, json } = await aRenter(market.url, 'stranger').call('POST', '/route/', {
    endpoint: endpoint.name,
    api_key: market.key,
  });
  expect([status, json.error_msg]).toEqual([401, expect.stringContaining('opens no endpoint')]);
  for (const path of ['/get_endpoint_workers/', '/get_endpoint_logs/']) {
    const asked = await aRenter(market.url, 'stranger').call('POST', path, { id: endpoint.id });
    expect(asked.json).toEqual({ error_msg: expect.stringContaining('not known') });
    const own = await aRenter(market.url, endpoint.key).call('POST', path, { id: endpoint.id });
    expect(own.json).not.toHaveProperty('error_msg');
  }
});

test('a stopped endpoint routes nothing until it is active again', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  await (await endpoint.worker()).report();
  const renter = aRenter(market.url, market.key);
  await renter.call('PUT', `/api/v0/endptjobs/${endpoint.id}/`, { endpoint_state: 'stopped' });
  expect(await endpoint.route()).not.toHaveProperty('url');
  await renter.call('PUT', `/api/v0/endptjobs/${endpoint.id}/`, { endpoint_state: 'active' });
  expect(await endpoint.route()).toHaveProperty('url');
});

test('the engine’s calls can be made to fail like any other', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const worker = await endpoint.worker();
  market.addFault({ call: 'worker-status', fault: 'server-error', times: 2 });
  expect((await worker.report()).status).toBeGreaterThanOrEqual(500);
  expect((await worker.report()).status).toBeGreaterThanOrEqual(500);
  expect((await worker.report()).status).toBe(200);
});

test('what is wrong with a report is said, all of it', async () => {
  await using market = await aMarket();
  const worker = await (await anEndpoint(market)).worker();
  const { status, json } = await worker.report({ cur_load: 'much', working_request_idxs: [1.5] });
  expect(status).toBe(422);
  expect(json.error_msg).toMatch(/cur_load: .*working_request_idxs.0: /);
});

test('endpoints, workers and the signing key outlive a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'leash-serverless-'));
  try {
    const stateFile = join(folder, 'state.json');
    const first = await aMarket({ stateFile });
    const endpoint = await anEndpoint(first);
    const worker = await endpoint.worker();
    await worker.report();
    const { signature } = await endpoint.route();
    const { port } = new URL(first.url);
    await first.close();
    await using again = await aMarket({ stateFile, port: Number(port) });
    expect(again.serverless().workers).toMatchObject([{ id: worker.id, last_report: null }]);
    // A kept connection to the first one fails once.
    const status = () =>
      worker.report().then(
        (answer) => answer.status,
        () => 0,
      );
    await expect.poll(status, SOON).toBe(200);
    expect((await endpoint.route()).signature).toBe(signature);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('inspection shows no token and no key', async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  await (await endpoint.worker()).report();
  const { text } = await aRenter(market.url, null).call('GET', '/_sim/serverless');
  expect(text).toContain('"max_perf":1000');
  expect(text).not.toContain(endpoint.key);
  expect(text).not.toContain('token');
});
