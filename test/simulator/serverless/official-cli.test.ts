import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Simulator } from '../../../src/simulator/simulator.ts';
import { anOfficialCli, installOfficialCli } from '../official-cli.ts';
import { aMarket, type Json, recordOf, SOON } from '../renter.ts';

const CLI_TIME = { timeout: 120_000 };

let market: Simulator;
let cli: Awaited<ReturnType<typeof anOfficialCli>>;

beforeAll(async () => {
  await installOfficialCli();
  market = await aMarket({ timeScale: 300 });
  cli = await anOfficialCli(market.url, market.key);
}, 300_000);

afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await market.close();
});

async function say(...words: readonly string[]): Promise<string> {
  const { stdout, stderr } = await cli.vastai(...words);
  expect(stderr, words.join(' ')).not.toContain('Traceback');
  return `${stdout}${stderr}`;
}

async function templates(query = ''): Promise<Json[]> {
  return JSON.parse(await say('search', 'templates', ...(query === '' ? [] : [query])));
}

async function rows(what: 'endpoints' | 'workergroups'): Promise<Json[]> {
  return JSON.parse(await say('show', what, '--raw'));
}

const A_TEMPLATE = ['--image', 'ghcr.io/example/worker:1.0.0', '--env', '-p 3000:3000 -e WORKER_PORT=3000'];

async function makeTemplate(name: string, ...more: readonly string[]): Promise<Json> {
  const words = ['--name', name, ...A_TEMPLATE, '--onstart-cmd', 'sleep 600', '--ssh', ...more];
  expect(await say('create', 'template', ...words)).toContain('New Template');
  return (await templates(`name=${name}`))[0];
}

async function makeEndpoint(name: string, ...more: readonly string[]): Promise<number> {
  const answer = await say('create', 'endpoint', '--endpoint_name', name, ...more, '--raw');
  return JSON.parse(answer).result;
}

test(
  'a template is created, found by name and by hash, edited into a new version, and deleted',
  CLI_TIME,
  async () => {
    const made = await makeTemplate('embedder', '--disk_space', '24', '--search_params', 'gpu_ram>=12');
    expect(made).toMatchObject({
      name: 'embedder',
      image: 'ghcr.io/example/worker:1.0.0',
      onstart: 'sleep 600',
      recommended_disk_space: 24,
      runtype: 'ssh',
    });
    expect(JSON.parse(made.extra_filters)).toMatchObject({ gpu_ram: { gte: expect.anything() } });

    const edited = await say(
      'update',
      'template',
      made.hash_id,
      '--name',
      'embedder',
      ...A_TEMPLATE,
      '--ssh',
    );
    expect(edited).toContain('updated template');
    const [now] = await templates('name=embedder');
    expect(now.id).toBe(made.id);
    expect(now.hash_id).not.toBe(made.hash_id);
    expect(await templates(`hash_id=${made.hash_id}`)).toEqual([]);

    expect(await say('delete', 'template', '--hash-id', now.hash_id)).toContain(`${made.id} deleted`);
    expect(await templates('name=embedder')).toEqual([]);
    expect(await say('delete', 'template', '--hash-id', now.hash_id)).toContain('404');
  },
);

test(
  'an endpoint is created with the command’s defaults, changed field by field, and deleted',
  CLI_TIME,
  async () => {
    const id = await makeEndpoint('plain');
    const shown = async () => (await rows('endpoints')).find((row) => row.id === id);
    expect(await shown()).toMatchObject({
      endpoint_name: 'plain',
      min_load: 0,
      target_util: 0.9,
      cold_mult: 2.5,
      cold_workers: 5,
      max_workers: 20,
      max_queue_time: null,
      endpoint_state: 'active',
    });
    await say('update', 'endpoint', String(id), '--max_workers', '3', '--endpoint_state', 'suspended');
    expect(await shown()).toMatchObject({ max_workers: 3, endpoint_state: 'suspended', cold_workers: 5 });
    expect(await say('update', 'endpoint', String(id), '--target_util', '1.5')).toContain('target_util');
    expect(await say('delete', 'endpoint', String(id))).toContain("'success': True");
    expect(await shown()).toBeUndefined();
  },
);

test('a workergroup rents the endpoint’s workers, which the commands show', CLI_TIME, async () => {
  const template = await makeTemplate('rented');
  const id = await makeEndpoint('rented', '--cold_workers', '2', '--max_workers', '2');
  const words = ['--endpoint_name', 'rented', '--template_hash', template.hash_id, '--gpu_ram', '16'];
  expect(await say('create', 'workergroup', ...words, '--search_params', 'num_gpus=1')).toContain(
    "'success': True",
  );
  const [group] = await rows('workergroups');
  expect(group).toMatchObject({ endpoint_id: id, endpoint_name: 'rented', template_hash: template.hash_id });
  expect(group.search_query).toMatchObject({ num_gpus: { eq: '1' }, verified: { eq: true } });

  const workers = async () => JSON.parse(await say('get', 'endpt-workers', String(id), '--raw'));
  await expect.poll(workers, { timeout: 60_000 }).toHaveLength(2);
  const [worker] = await workers();
  expect(recordOf(market, worker.id)).toMatchObject({ destroyed_at: null });
  expect(await say('get', 'endpt-workers', String(id))).toMatch(/id=\d+ status=\w+ gpu_name=/);
  const log = await say('get', 'endpt-logs', String(id), '--level', '0');
  expect(log).toContain(`worker ${worker.id} rented`);
  expect(await say('get', 'wrkgrp-logs', String(group.id), '--tail', '1')).not.toContain('created');
  expect(await say('update', 'workers', String(group.id))).toContain('(2 workers)');

  await say('update', 'workergroup', String(group.id), '--gpu_ram', '20', '--search_params', 'num_gpus=1');
  expect((await rows('workergroups'))[0]).toMatchObject({ gpu_ram: 20, template_hash: template.hash_id });
  // Others have taken the place of those that the update ended.
  await expect.poll(workers, { timeout: 60_000 }).toHaveLength(2);
  const left: number[] = (await workers()).map((row: Json) => row.id);
  await say('delete', 'endpoint', String(id));
  for (const one of left) await expect.poll(() => recordOf(market, one).state, SOON).toBe('destroyed');
});

test('deleting a workergroup alone leaves its machines running, as the command warns', CLI_TIME, async () => {
  const template = await makeTemplate('left');
  const id = await makeEndpoint('left', '--cold_workers', '1');
  await say('create', 'workergroup', '--endpoint_id', String(id), '--template_hash', template.hash_id);
  const workers = async (): Promise<Json[]> =>
    JSON.parse(await say('get', 'endpt-workers', String(id), '--raw'));
  await expect.poll(workers, { timeout: 60_000 }).toHaveLength(1);
  const [worker] = await workers();
  const group = (await rows('workergroups')).find(({ endpoint_id }) => endpoint_id === id);
  await say('delete', 'workergroup', String(group.id));
  expect(await workers()).toEqual([]);
  await say('delete', 'endpoint', String(id));
  expect(recordOf(market, worker.id)).toMatchObject({ destroy_requested_at: null, destroyed_at: null });
});
