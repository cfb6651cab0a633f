import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { anOfficialCli, installOfficialCli } from './official-cli.ts';
import { aMarket, aRenter, type Json, recordOf, SOON } from './renter.ts';

const CLI_TIME = { timeout: 120_000 };

let market: Simulator;
let cli: Awaited<ReturnType<typeof anOfficialCli>>;

beforeAll(async () => {
  await installOfficialCli();
  market = await aMarket({ machines: 300, timeScale: 300 });
  cli = await anOfficialCli(market.url, market.key);
}, 300_000);

afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await market.close();
});

/** A command with `--raw`: the JSON it prints. */
async function raw(...words: readonly string[]): Promise<Json> {
  const { stdout, stderr, code } = await cli.vastai(...words, '--raw');
  expect(stderr, words.join(' ')).not.toContain('Traceback');
  expect(code).toBe(0);
  if (stdout === '') throw new Error(`${words.join(' ')} printed nothing, but: ${stderr}`);
  return JSON.parse(stdout);
}

async function findOffers(...more: readonly string[]): Promise<Json[]> {
  return raw('search', 'offers', 'gpu_name=RTX_4090 num_gpus=1 dph_total<=0.6', '-o', 'dph_total', ...more);
}

/** Offers leave between a search and a create, here as in the real market: then the next one is taken. */
async function rentOne(label: string): Promise<number> {
  const order = ['--image', 'vllm/vllm-openai:v0.16.0', '--disk', '40', '--label', label];
  const env = ['--env', '-p 8000:8000 -e A=b', '--onstart-cmd', 'vllm serve tiny --api-key k --port 8000'];
  for (const { id } of await findOffers('--limit', '3')) {
    const words = ['create', 'instance', String(id), ...order, ...env, '--ssh', '--direct', '--raw'];
    const { stdout, stderr } = await cli.vastai(...words);
    if (stderr.includes('no_such_ask')) continue;
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ success: true, new_contract: expect.any(Number) });
    return answer.new_contract;
  }
  throw new Error('three offers left the market in a row');
}

test('search prints offers under its filters, in its order', CLI_TIME, async () => {
  const offers = await findOffers();
  expect(offers.length).toBeGreaterThanOrEqual(12);
  const prices = offers.map(({ dph_total }) => dph_total);
  expect(prices).toEqual([...prices].sort((a, b) => a - b));
  for (const { gpu_name, num_gpus, verification, dph_total } of offers) {
    expect([gpu_name, num_gpus, verification]).toEqual(['RTX 4090', 1, 'verified']);
    expect(dph_total).toBeLessThanOrEqual(0.6);
  }
  expect(await findOffers('--limit', '3')).toHaveLength(3);
  const bids = await raw('search', 'offers', 'gpu_name=RTX_3090', '--type', 'bid', '-o', 'dph_total-');
  expect(bids.every(({ is_bid }: Json) => is_bid)).toBe(true);
  const table = await cli.vastai(
    'search',
    'offers',
    'num_gpus=1 geolocation in [US,SE] driver_version>=550.0.0',
    '--new',
  );
  expect(table.stdout).toMatch(/mach_id/);
  expect(table.stdout).toMatch(/(US|Sweden)/);
});

test('an instance is created, shown, labelled, read, stopped, started and destroyed', CLI_TIME, async () => {
  const id = await rentOne('by-hand');
  expect(recordOf(market, id)).toMatchObject({ label: 'by-hand', destroyed_at: null });
  const shown = () => raw('show', 'instance', String(id));
  await expect.poll(shown, CLI_TIME).toMatchObject({
    id,
    actual_status: 'running',
    label: 'by-hand',
    extra_env: { A: 'b', '-p 8000:8000': '1' },
    ports: { '8000/tcp': expect.any(Array), '22/tcp': expect.any(Array) },
  });
  const listed = await raw('show', 'instances');
  expect(listed.map((row: Json) => row.id)).toContain(id);
  const labelled = await raw('show', 'instances', '--label', 'by-hand');
  expect(labelled.map((row: Json) => row.id)).toEqual([id]);
  const table = await cli.vastai('show', 'instances');
  expect(table.stdout).toContain('running');

  expect((await cli.vastai('label', 'instance', String(id), 'renamed')).stdout).toContain(
    `label for ${id} set to renamed`,
  );
  expect(recordOf(market, id).label).toBe('renamed');
  const log = async () => (await cli.vastai('logs', String(id), '--tail', '50')).stdout;
  await expect.poll(log, CLI_TIME).toContain('Application startup complete');
  expect((await cli.vastai('ssh-url', String(id))).stdout).toMatch(/^ssh:\/\/root@/);

  expect((await cli.vastai('stop', 'instance', String(id))).stdout).toContain(`stopping instance ${id}`);
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('exited');
  expect((await cli.vastai('start', 'instance', String(id))).stdout).toContain(`starting instance ${id}`);
  await expect.poll(() => recordOf(market, id).state, SOON).toBe('running');

  expect((await cli.vastai('destroy', 'instance', String(id), '-y')).stdout).toContain(
    `destroying instance ${id}`,
  );
  await expect
    .poll(() => recordOf(market, id), SOON)
    .toMatchObject({ state: 'destroyed', destroyed_by: 'account' });
  expect(await raw('show', 'instance', String(id))).toEqual({ instances: null });
});

test('a second create of one offer fails with the market’s words, and rents nothing', CLI_TIME, async () => {
  const [offer] = await findOffers('--limit', '1');
  await aRenter(market.url, market.key).create(offer.id);
  const known = market.contracts().length;
  const { stdout, stderr } = await cli.vastai(
    'create',
    'instance',
    String(offer.id),
    '--image',
    'ubuntu',
    '--disk',
    '10',
  );
  expect(`${stdout}${stderr}`).toContain('no_such_ask');
  expect(market.contracts()).toHaveLength(known);
});

test('several instances are destroyed in one command', CLI_TIME, async () => {
  const ids = [await rentOne('one'), await rentOne('two')];
  await cli.vastai('destroy', 'instances', ...ids.map(String), '-y');
  for (const id of ids) await expect.poll(() => recordOf(market, id).state, SOON).toBe('destroyed');
});

test('the account, its payments and its charges are printed', CLI_TIME, async () => {
  const id = await rentOne('charged');
  await expect.poll(() => recordOf(market, id).usd.total, SOON).toBeGreaterThan(0);
  const user = await raw('show', 'user');
  expect(user).toMatchObject({ id: recordOf(market, id).account, balance: 0 });
  expect(user.credit).toBeLessThan(100);
  expect(user.api_key).toBeUndefined();
  const invoices = await cli.vastai('show', 'invoices');
  expect(invoices.stdout).toMatch(/Credit_card_payment/);
  expect(invoices.stdout).toMatch(/Current:/);
  const charges = await raw('show', 'invoices-v1', '--charges', '--limit', '100');
  const rows = Array.isArray(charges) ? charges : charges.results;
  expect(rows.map(({ source }: Json) => source)).toContain(`instance-${id}`);
  const paid = await cli.vastai('show', 'invoices-v1', '--invoices');
  expect(paid.stdout).toContain('100.00');
});

test('what the market has none of is listed as nothing', CLI_TIME, async () => {
  expect(await raw('show', 'volumes')).toEqual([]);
  expect(await raw('show', 'endpoints')).toEqual([]);
  expect(await raw('show', 'workergroups')).toEqual([]);
});

test('with a wrong key it says so', CLI_TIME, async () => {
  await using closed = await aMarket({ key: 'right' });
  await using wrong = await anOfficialCli(closed.url, 'wrong');
  const { stdout, stderr } = await wrong.vastai('show', 'instances', '--raw');
  expect(`${stdout}${stderr}`).toContain('Invalid user key');
});

test('the file of permissions makes a key that rents and cannot touch money or keys', CLI_TIME, async () => {
  await using owner = await anOfficialCli(market.url, market.makeKey({}));
  const file = fileURLToPath(new URL('../../deploy/vast-permissions.json', import.meta.url));
  const made = await owner.vastai('create', 'api-key', '--name', 'leash', '--permission_file', file);
  const key = /'key': '([0-9a-f]{64})'/.exec(made.stdout)?.[1] ?? '';
  expect(key, made.stdout).not.toBe('');

  await using narrow = await anOfficialCli(market.url, key);
  expect(JSON.parse((await narrow.vastai('search', 'offers', '--limit', '1', '--raw')).stdout)).toHaveLength(
    1,
  );
  const { stdout, stderr } = await narrow.vastai(
    'create',
    'api-key',
    '--name',
    'more',
    '--permission_file',
    file,
  );
  expect(`${stdout}${stderr}`).toContain('api.keys.create');
});
