import { expect, test } from 'vitest';
import type { FaultScript } from '../../src/simulator/faults.ts';
import type { Simulator, SimulatorOptions } from '../../src/simulator/simulator.ts';
import { aMarket, aRenter, type Json, recordOf, SOON } from './renter.ts';

/** A market with one fault in force, its only renter, and the cheapest offer. */
async function withFault(fault: FaultScript, options: SimulatorOptions = {}) {
  const market = await aMarket(options);
  market.addFault(fault);
  const renter = aRenter(market.url, 'renter');
  return { market, renter, [Symbol.asyncDispose]: market.close };
}

async function firstOffer(renter: ReturnType<typeof aRenter>): Promise<number> {
  return (await renter.search({ order: [['dph_total', 'asc']] }))[0].id;
}

/** The renter's own contracts: strangers' are another account's. */
function made(market: Simulator) {
  return market.contracts().filter(({ reply, label }) => reply !== undefined && label === 'mine');
}

const MINE = { label: 'mine' };

test('a create that is lost on its way rents nothing', async () => {
  await using scene = await withFault({ call: 'create', fault: 'reply-lost-before' });
  const offer = await firstOffer(scene.renter);
  await expect(scene.renter.create(offer, MINE)).rejects.toThrow();
  expect(made(scene.market)).toEqual([]);
  expect((await scene.renter.create(offer, MINE)).json.success).toBe(true);
});

test('a create whose reply is lost has rented, and is listed', async () => {
  await using scene = await withFault({ call: 'create', fault: 'reply-lost-after' });
  await expect(scene.renter.create(await firstOffer(scene.renter), MINE)).rejects.toThrow();
  expect(made(scene.market)).toMatchObject([{ reply: 'lost' }]);
  const found = async () =>
    (await scene.renter.list({ select_filters: { label: { eq: 'mine' } } })).json.total_instances;
  await expect.poll(found, SOON).toBe(1);
});

test('a slow reply is of a create that was processed at once', async () => {
  await using scene = await withFault({ call: 'create', fault: 'slow-reply', seconds: 0.4 });
  const before = Date.now() / 1000;
  const { json } = await scene.renter.create(await firstOffer(scene.renter), MINE);
  const after = Date.now() / 1000;
  expect(json.success).toBe(true);
  const [contract] = made(scene.market);
  expect(contract?.reply).toBe('slow');
  expect(after - (contract?.created_at ?? after)).toBeGreaterThan(0.35);
  expect((contract?.created_at ?? 0) - before).toBeLessThan(0.35);
});

test('a late create is processed after its caller has gone', async () => {
  await using scene = await withFault({ call: 'create', fault: 'late', seconds: 0.5 });
  const offer = await firstOffer(scene.renter);
  const given = fetch(`${scene.market.url}/api/v0/asks/${offer}/`, {
    method: 'PUT',
    headers: { authorization: 'Bearer renter' },
    body: JSON.stringify({ image: 'ubuntu:24.04', disk: 10, label: 'mine' }),
    signal: AbortSignal.timeout(100),
  });
  await expect(given).rejects.toThrow();
  expect(made(scene.market)).toEqual([]);
  await expect.poll(() => made(scene.market).length, SOON).toBe(1);
  const [contract] = made(scene.market);
  expect((contract?.created_at ?? 0) - (contract?.requested_at ?? 0)).toBeGreaterThan(0.45);
});

test.each<[FaultScript, number[], RegExp]>([
  [{ call: 'create', fault: 'too-many' }, [429], /too frequent/],
  [{ call: 'create', fault: 'offer-gone' }, [400, 404, 410], /no_such_ask/],
  [{ call: 'create', fault: 'no-credit' }, [200, 400], /insufficient_credit/],
  [{ call: 'create', fault: 'spend-rate' }, [400], /spend_rate_limit/],
  [{ call: 'create', fault: 'auth-error' }, [404], /auth_error/],
])('%o refuses a create that then has rented nothing', async (fault, statuses, text) => {
  await using scene = await withFault(fault);
  const answer = await scene.renter.create(await firstOffer(scene.renter), MINE);
  expect(statuses).toContain(answer.status);
  expect(answer.text).toMatch(text);
  expect(answer.json?.success ?? false).toBe(false);
  expect(made(scene.market)).toEqual([]);
});

test('a server error comes in several statuses, and only a gateway that gave up hides a contract', async () => {
  await using scene = await withFault({ call: 'create', fault: 'server-error', times: 0 });
  const statuses = new Set<number>();
  for (const { id } of await scene.renter.search({ limit: 40 })) {
    const before = made(scene.market).length;
    const { status } = await scene.renter.create(id, MINE);
    statuses.add(status);
    expect(made(scene.market).length - before).toBe(status === 504 ? 1 : 0);
  }
  expect([500, 502, 503, 504]).toEqual(expect.arrayContaining([...statuses]));
  expect(statuses.size).toBeGreaterThan(1);
});

test('an answer that is no JSON hides a create that was processed', async () => {
  await using scene = await withFault({ call: 'create', fault: 'not-json' });
  const { status, json, text } = await scene.renter.create(await firstOffer(scene.renter), MINE);
  expect([status, json]).toEqual([200, null]);
  expect(text).toContain('<html>');
  expect(made(scene.market)).toMatchObject([{ reply: 'lost' }]);
});

test('a refused bid may leave a stopped instance behind, named in the refusal', async () => {
  await using scene = await withFault({ fault: 'refused-with-contract' });
  const { status, json } = await scene.renter.create(await firstOffer(scene.renter), MINE);
  expect([status, json.success, json.error]).toEqual([400, false, 'invalid_price']);
  await scene.renter.until(json.new_contract, { intended_status: 'stopped', actual_status: 'stopped' });
  await expect.poll(() => recordOf(scene.market, json.new_contract).usd.disk, SOON).toBeGreaterThan(0);
});

test('an instance may be listed late, and never', async () => {
  await using scene = await withFault({ fault: 'listed-late', seconds: 0.6 });
  const late = await scene.renter.rent();
  expect(await scene.renter.show(late)).toBeNull();
  expect(recordOf(scene.market, late).listed_at).toBeNull();
  await scene.renter.until(late, { id: late });
  const { listed_at, created_at } = recordOf(scene.market, late);
  expect((listed_at ?? 0) - created_at).toBeCloseTo(0.6, 2);
  scene.market.addFault({ fault: 'never-listed' });
  const never = await scene.renter.rent();
  await expect.poll(() => recordOf(scene.market, never).state, SOON).toBe('running');
  expect(await scene.renter.show(never)).toBeNull();
  expect((await scene.renter.list()).json.instances.map(({ id }: Json) => id)).toEqual([late]);
  // It bills and shows in the charges, and can be destroyed by its id.
  expect((await scene.renter.destroy(never)).json).toEqual({ success: true });
});

test('a list leaves one instance out, once', async () => {
  await using scene = await withFault({ fault: 'omitted-once', label_prefix: 'mine' });
  const [id, other] = [await scene.renter.rent(MINE), await scene.renter.rent({ label: 'other' })];
  for (const each of [id, other]) await scene.renter.until(each, { id: each });
  const listed = async () => (await scene.renter.list()).json.instances.map((row: Json) => row.id);
  expect(await listed()).toEqual([other]);
  expect(await listed()).toEqual([id, other]);
});

test('the second page of a list fails while the first does not', async () => {
  await using scene = await withFault({ fault: 'page-fails' });
  for (const { id } of (await scene.renter.search({ limit: 30 })).slice(0, 27)) await scene.renter.create(id);
  const total = async () => (await scene.renter.list()).json.total_instances;
  await expect.poll(total, SOON).toBe(27);
  const { next_token } = (await scene.renter.list()).json;
  expect((await scene.renter.list({ after_token: next_token })).status).toBe(500);
  expect((await scene.renter.list({ after_token: next_token })).json.instances).toHaveLength(2);
});

test('a used-up search quota says when it is renewed', async () => {
  await using scene = await withFault({ fault: 'search-quota' });
  const response = await fetch(`${scene.market.url}/api/v0/bundles/`, {
    method: 'POST',
    headers: { authorization: 'Bearer renter' },
    body: '{}',
  });
  expect(response.status).toBe(429);
  expect(Number(response.headers.get('x-ratelimit-reset'))).toBeGreaterThan(Date.now() / 1000);
  expect(await response.json()).toMatchObject({ error: 'search_quota_exceeded' });
});

test('a destroyed instance may linger, and bills on until it is gone', async () => {
  await using scene = await withFault({ fault: 'destroy-lingers', seconds: 0.7 });
  const id = await scene.renter.rent();
  await scene.renter.until(id, { actual_status: 'running' });
  expect((await scene.renter.destroy(id)).json).toEqual({ success: true });
  expect(await scene.renter.show(id)).toMatchObject({ id, actual_status: 'running' });
  expect(recordOf(scene.market, id).state).toBe('destroying');
  await expect.poll(() => scene.renter.show(id), SOON).toBeNull();
  const { destroy_accepted_at, destroyed_at, billed_until } = recordOf(scene.market, id);
  expect((destroyed_at ?? 0) - (destroy_accepted_at ?? 0)).toBeGreaterThan(0.65);
  expect((billed_until ?? 0) - (destroy_accepted_at ?? 0)).toBeGreaterThan(0.65);
});

test('a destroy may be refused, with HTTP 200', async () => {
  await using scene = await withFault({ fault: 'destroy-refused' });
  const id = await scene.renter.rent();
  const { status, json } = await scene.renter.destroy(id);
  expect([status, json.success]).toEqual([200, false]);
  expect(recordOf(scene.market, id)).toMatchObject({ destroy_accepted_at: null, destroyed_at: null });
  expect(recordOf(scene.market, id).destroy_requested_at).not.toBeNull();
  expect((await scene.renter.destroy(id)).json).toEqual({ success: true });
});

test('faults wait for their turn, their instance and their number of times', async () => {
  await using scene = await withFault({ call: 'show', fault: 'too-many', skip: 1, times: 2 });
  const statuses: number[] = [];
  const show = (id: number) => scene.renter.call('GET', `/api/v0/instances/${id}/`);
  for (let n = 0; n < 5; n += 1) statuses.push((await show(1)).status);
  expect(statuses).toEqual([200, 429, 429, 200, 200]);
  const [mine, other] = [await scene.renter.rent(MINE), await scene.renter.rent({ label: 'other' })];
  scene.market.addFault({ call: 'destroy', fault: 'too-many', label_prefix: 'mi', times: 0 });
  expect((await scene.renter.destroy(other)).status).toBe(200);
  expect((await scene.renter.destroy(mine)).status).toBe(429);
  expect((await scene.renter.destroy(mine)).status).toBe(429);
  scene.market.clearFaults();
  expect((await scene.renter.destroy(mine)).status).toBe(200);
});

test('a fault that alters and one that loses the reply come together', async () => {
  await using scene = await withFault({ fault: 'never-listed' });
  scene.market.addFault({ call: 'create', fault: 'reply-lost-after' });
  await expect(scene.renter.create(await firstOffer(scene.renter), MINE)).rejects.toThrow();
  expect(made(scene.market)).toMatchObject([{ reply: 'lost', listed_at: null }]);
});
