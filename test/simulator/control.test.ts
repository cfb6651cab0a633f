import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { aMarket, aRenter, control, recordOf, SOON } from './renter.ts';

let market: Simulator;

beforeAll(async () => {
  market = await aMarket();
});
beforeEach(() => market.reset());
afterAll(() => market.close());

test('every contract ever is on the provider’s books, in one shape', async () => {
  const renter = aRenter(market.url, 'keeper');
  const id = await renter.rent({ label: 'booked' });
  await renter.until(id, { actual_status: 'running' });
  await renter.destroy(id);
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('destroyed');
  const { json } = await control(market, 'GET', 'contracts');
  expect(json.now).toBeCloseTo(Date.now() / 1000, 0);
  const record = json.contracts.find((contract: { id: number }) => contract.id === id);
  expect(record).toEqual({
    id,
    account: expect.any(Number),
    label: 'booked',
    machine_id: expect.any(Number),
    offer_id: expect.any(Number),
    requested_at: expect.any(Number),
    reply: 'sent',
    created_at: expect.any(Number),
    listed_at: expect.any(Number),
    running_at: expect.any(Number),
    destroy_requested_at: expect.any(Number),
    destroy_accepted_at: expect.any(Number),
    destroyed_at: expect.any(Number),
    billed_until: expect.any(Number),
    destroyed_by: 'account',
    state: 'destroyed',
    is_bid: false,
    usd: {
      gpu: expect.any(Number),
      disk: expect.any(Number),
      bandwidth: expect.any(Number),
      total: expect.any(Number),
    },
  });
});

test('calls are kept with their fault and status, without any key', async () => {
  await control(market, 'POST', 'faults', { add: [{ call: 'list', fault: 'too-many' }] });
  const renter = aRenter(market.url, 'a-very-secret-key');
  await renter.list();
  await renter.call('GET', '/api/v0/users/current?api_key=a-very-secret-key');
  const { json, text } = await control(market, 'GET', 'requests?after=0');
  expect(json.requests).toMatchObject([
    { seq: 1, method: 'GET', path: '/api/v1/instances', call: 'list', status: 429, fault: 'too-many' },
    { seq: 2, method: 'GET', path: '/api/v0/users/current', call: 'user', status: 200, fault: null },
  ]);
  expect(text).not.toContain('a-very-secret-key');
  expect((await control(market, 'GET', 'requests?after=1')).json.requests).toHaveLength(1);
});

test('faults are added, listed and cleared', async () => {
  const add = [
    { call: 'create', fault: 'reply-lost-after', label_prefix: 'x', times: 3, skip: 1 },
    { fault: 'cdi-error', machine_id: 7, times: 0 },
  ];
  const { json } = await control(market, 'POST', 'faults', { add });
  expect(json.faults).toMatchObject(add);
  expect((await control(market, 'GET', 'faults')).json.faults).toHaveLength(2);
  expect((await control(market, 'POST', 'faults', { clear: true })).json).toEqual({ faults: [] });
});

test('a wrong script is refused whole, with every problem named', async () => {
  const add = [
    { call: 'create', fault: 'vanish' },
    { call: 'list', fault: 'offer-gone', times: -1 },
    { call: 'create', fault: 'cdi-error', when: 'now' },
  ];
  const { status, json } = await control(market, 'POST', 'faults', { add });
  expect(status).toBe(400);
  const fields = json.problems.map(({ field }: { field: string }) => field);
  expect(fields).toEqual(expect.arrayContaining(['add.0.fault', 'add.1.times', 'add.2']));
  expect((await control(market, 'GET', 'faults')).json.faults).toEqual([]);
  const misplaced = await control(market, 'POST', 'faults', {
    add: [
      { call: 'list', fault: 'offer-gone' },
      { call: 'create', fault: 'cdi-error' },
    ],
  });
  expect(misplaced.json.error).toContain('offer-gone is a fault of create alone');
  expect(misplaced.json.error).toContain('cdi-error is a fault of machines');
});

test.each(['before', 'after', 'replied'] as const)(
  'a trigger kills a process %s its create is processed',
  async (moment) => {
    const caller = spawn(process.execPath, ['--input-type=module', '-e', CALLER], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const renter = aRenter(market.url, 'killed');
    const [offer] = await renter.search();
    const trigger = { call: 'create', moment, signal: { pid: caller.pid, name: 'SIGKILL' } };
    expect((await control(market, 'POST', 'triggers', trigger)).status).toBe(200);
    const ended = once(caller, 'exit');
    caller.stdin.end(JSON.stringify({ url: `${market.url}/api/v0/asks/${offer.id}/` }));
    const [, signal] = await ended;
    expect(signal).toBe('SIGKILL');
    const made = () => market.contracts().filter(({ label }) => label === 'from-the-dead');
    if (moment === 'before') {
      await expect
        .poll(() => market.requests().find(({ call }) => call === 'create')?.fault, SOON)
        .toBe('trigger');
      expect(made()).toEqual([]);
    } else {
      await expect.poll(made, SOON).toMatchObject([{ reply: moment === 'after' ? 'lost' : 'sent' }]);
    }
    expect((await control(market, 'GET', 'triggers')).json.triggers).toEqual([]);
  },
);

/** Sends one create when it is told where, and would live on for a minute. */
const CALLER = `
let text = '';
for await (const chunk of process.stdin) text += chunk;
const { url } = JSON.parse(text);
setTimeout(() => {}, 60_000);
await fetch(url, {
  method: 'PUT',
  headers: { authorization: 'Bearer killed' },
  body: JSON.stringify({ image: 'ubuntu:24.04', disk: 10, label: 'from-the-dead' }),
});
`;

test('a trigger for no process, for the simulator itself or of an unknown signal is refused', async () => {
  const refuse = async (signal: unknown) =>
    (await control(market, 'POST', 'triggers', { call: 'create', moment: 'before', signal })).status;
  expect(await refuse({ pid: 0, name: 'SIGKILL' })).toBe(400);
  expect(await refuse({ pid: -1, name: 'SIGKILL' })).toBe(400);
  expect(await refuse({ pid: 1, name: 'SIGKILL' })).toBe(400);
  expect(await refuse({ pid: process.pid, name: 'SIGKILL' })).toBe(400);
  expect(await refuse({ pid: process.ppid, name: 'SIGNOTHING' })).toBe(400);
});

test('control answers this machine by its own name only', async () => {
  const { hostname, port } = new URL(market.url);
  const status = await new Promise((resolve) => {
    request({ hostname, port, path: '/_sim/health', headers: { host: 'evil.example:80' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).end();
  });
  expect(status).toBe(403);
  expect((await control(market, 'GET', 'health')).json).toMatchObject({ ok: true, seed: 1, backend: 'fake' });
  expect((await control(market, 'GET', 'nothing')).status).toBe(404);
});

test('machines are shown with their offers and who holds them', async () => {
  const id = await aRenter(market.url, 'holder').rent();
  const { json } = await control(market, 'GET', 'machines');
  expect(json.machines).toHaveLength(60);
  const held = json.machines.flatMap(({ offers }: { offers: { contract_id: number | null }[] }) => offers);
  expect(held.filter(({ contract_id }: { contract_id: number | null }) => contract_id === id)).toHaveLength(
    1,
  );
});

test('a reset opens the same market anew, for the same key', async () => {
  const renter = aRenter(market.url, market.key);
  const first = (await renter.search({ order: [['id', 'asc']] })).map(({ id }) => id);
  await renter.rent();
  expect((await control(market, 'POST', 'reset')).status).toBe(200);
  expect((await renter.search({ order: [['id', 'asc']] })).map(({ id }) => id)).toEqual(first);
  expect((await renter.call('GET', '/api/v0/users/current')).json.credit).toBeGreaterThan(99.9);
});

test('credit can be set for any account', async () => {
  expect((await control(market, 'POST', 'credit', { key: 'rich', usd: 7.5 })).json.credit).toBeCloseTo(
    7.5,
    6,
  );
  expect((await aRenter(market.url, 'rich').call('GET', '/api/v0/users/current')).json.credit).toBeCloseTo(
    7.5,
    6,
  );
});
