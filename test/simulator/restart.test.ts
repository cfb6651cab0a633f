import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aMarket, aRenter, recordOf, SOON } from './renter.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'leash-market-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

test('a market taken up again has its contracts, serves on their ports, and has billed the time between', async () => {
  const stateFile = join(home, 'market.json');
  const first = await aMarket({ stateFile });
  const renter = aRenter(first.url, first.key);
  const id = await renter.rent({ label: 'kept' });
  await renter.until(id, { actual_status: 'running' });
  const { ports, start_date } = await renter.show(id);
  await first.close();
  const { gpu } = recordOf(first, id).usd;
  const closedAt = Date.now();
  const port = ports['8000/tcp'][0].HostPort;
  const models = () =>
    fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: 'Bearer secret' } }).then(
      ({ status }) => status,
      () => 0,
    );
  expect(await models()).toBe(0);
  expect((await stat(stateFile)).mode & 0o077).toBe(0);
  await expect.poll(() => Date.now() - closedAt, SOON).toBeGreaterThan(500);

  await using second = await aMarket({ stateFile });
  expect(second.key).toBe(first.key);
  const again = aRenter(second.url, second.key);
  await again.until(id, { label: 'kept', actual_status: 'running', ports, start_date });
  await expect.poll(models, SOON).toBe(200);
  const { usd, running_at } = recordOf(second, id);
  expect(usd.gpu).toBeGreaterThan(gpu);
  const { dph_base } = await again.show(id);
  const hours = (Date.now() / 1000 - (running_at ?? 0)) / 3600;
  expect(usd.gpu).toBeCloseTo(dph_base * hours, 5);
  // The offer is still taken: it is not found a second time.
  const { machine_id } = await again.show(id);
  const held = (await again.call('GET', '/_sim/machines')).json.machines.find(
    (machine: { machine_id: number }) => machine.machine_id === machine_id,
  );
  expect(held.offers.map(({ contract_id }: { contract_id: number | null }) => contract_id)).toContain(id);
});

test('an instance that was booting goes on booting after a restart', async () => {
  const stateFile = join(home, 'market.json');
  const first = await aMarket({ stateFile, timeScale: 30 });
  const id = await aRenter(first.url, first.key).rent();
  await first.close();
  expect(recordOf(first, id).running_at).toBeNull();
  await using second = await aMarket({ stateFile, timeScale: 3000 });
  await aRenter(second.url, second.key).until(id, { actual_status: 'running' });
});

test('the command says where it is, serves, logs without keys, and ends with 0 when told to', async () => {
  const main = fileURLToPath(new URL('../../src/simulator/main.ts', import.meta.url));
  const [state, log] = [join(home, 'state.json'), join(home, 'requests.log')];
  const flags = ['--port', '0', '--machines', '20', '--time-scale', '3000', '--state', state, '--log', log];
  const child = spawn(process.execPath, [main, ...flags, '--key', 'my-only-key'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const { url, key } = JSON.parse(line);
  expect(key).toBe('my-only-key');
  const renter = aRenter(url, key);
  const id = await renter.rent();
  expect((await aRenter(url, 'another').call('GET', '/api/v0/users/current')).status).toBe(404);
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  const saved = JSON.parse(await readFile(state, 'utf8'));
  expect(saved.contracts.map((contract: { id: number }) => contract.id)).toContain(id);
  const logged = (await readFile(log, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text));
  expect(logged.map(({ call }) => call)).toEqual(['search', 'create', 'user']);
  expect(JSON.stringify(logged)).not.toContain('my-only-key');
});

test.each([
  ['--port', 'many'],
  ['--time-scale', '0'],
  ['--profile', 'nice'],
])('the command refuses %s %s', async (flag, value) => {
  const main = fileURLToPath(new URL('../../src/simulator/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, flag, value], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(said).toContain(flag);
});
