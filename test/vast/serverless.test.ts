import { expect, test } from 'vitest';
import { isSameSearch, readConditions, withUsualConditions } from '../../src/vast/search-params.ts';
import {
  createServerlessClient,
  searchesFor,
  templateRequests,
  toWorkergroup,
} from '../../src/vast/serverless.ts';
import { KEY } from './builders.ts';
import { anOddMarket, type OddMarket, type Reply } from './odd-market.ts';

const SOON_MS = 5_000;
const A_TEMPLATE = {
  name: 'worker',
  image: 'registry:5000/team/worker:1.2.0',
  env: '-p 3000:3000',
  onstart: 'run',
  runtype: 'ssh',
  diskGb: 20,
  description: '',
} as const;

function aClient({ url }: OddMarket) {
  return createServerlessClient({ apiUrl: url, apiKey: KEY, rateScale: 0, timeoutMs: 2_000 });
}

const deadline = () => ({ deadlineMs: Date.now() + SOON_MS });

test('an account without endpoints is told so in a refusal, and has none', async () => {
  const none = { success: false, error: 'invalid_args', msg: 'No endpoints for user found' };
  await using market = await anOddMarket({ status: 400, json: none });
  expect(await aClient(market).listEndpoints(deadline())).toEqual([]);
  await using other = await anOddMarket({ status: 400, json: { ...none, msg: 'no such thing' } });
  await expect(aClient(other).listEndpoints(deadline())).rejects.toMatchObject({ kind: 'refused' });
});

test('workers come as a bare list or under a name, and rows that name nobody are passed over', async () => {
  const rows = [{ id: 7, status: 'idle', measured_perf: '12.5' }, { status: 'loading' }];
  for (const json of [rows, { workers: rows }]) {
    await using market = await anOddMarket({ json });
    expect(await aClient(market).listWorkers(4, deadline())).toMatchObject([
      { workerId: 7, state: 'idle', loadsPerSecond: 12.5, gpuName: null, error: null },
    ]);
    expect(market.received[0]).toMatchObject({ path: '/get_endpoint_workers/', body: { id: 4 } });
  }
});

test('why the engine shows no workers is quoted, without the key', async () => {
  await using market = await anOddMarket({ json: { error_msg: `the key ${KEY} opens nothing` } });
  const asked = aClient(market).listWorkers(4, deadline());
  await expect(asked).rejects.toThrow(/list the workers.*the key \[redacted\] opens nothing/);
});

test('a filter that the market did not apply does not bring in other templates', async () => {
  const rows = [
    { id: 1, hash_id: 'a', name: 'worker', image: 'i', tag: '1' },
    { id: 2, hash_id: 'b', name: 'another', image: 'i' },
  ];
  await using market = await anOddMarket({ json: { success: true, templates: rows } });
  expect(await aClient(market).findTemplates('worker', deadline())).toMatchObject([
    { templateId: 1, image: 'i:1' },
  ]);
});

test('a create is sent once, whatever comes back; a change is sent again', async () => {
  for (const reply of ['lost', { status: 502, text: 'bad gateway' }] satisfies Reply[]) {
    await using market = await anOddMarket(reply);
    const created = aClient(market).sendOnce('templates', templateRequests.create(A_TEMPLATE), deadline());
    await expect(created).rejects.toThrow(/Cannot create the template worker/);
    expect(market.received).toHaveLength(1);
  }
  await using market = await anOddMarket('lost', { json: { success: true } });
  const request = templateRequests.update({ templateId: 1, hash: 'a' }, A_TEMPLATE);
  await aClient(market).send('templates', request, deadline());
  expect(market.received).toHaveLength(2);
});

test.each([
  ['registry:5000/team/worker:1.2.0', 'registry:5000/team/worker', '1.2.0'],
  ['registry:5000/team/worker', 'registry:5000/team/worker', null],
  ['worker@sha256:0a1b', 'worker@sha256:0a1b', null],
  ['team/worker:1.2.0@sha256:0a1b', 'team/worker:1.2.0@sha256:0a1b', null],
])('the tag of %s is told apart', (image, name, tag) => {
  expect(templateRequests.create({ ...A_TEMPLATE, image }).body).toMatchObject({ image: name, tag });
});

test.each<[string, string, unknown]>([
  ['as it was sent', 'gpu_ram>=24 num_gpus=1', { gpu_ram: { gte: '24' }, num_gpus: { eq: '1' } }],
  ['in megabytes and numbers', 'gpu_ram>=24 num_gpus=1', { gpu_ram: { gte: 24_000 }, num_gpus: { eq: 1 } }],
  ['as a text', 'num_gpus=1', '{"num_gpus": {"eq": 1}}'],
  ['with spaces for underscores', 'gpu_name=RTX_4090', { gpu_name: { eq: 'RTX 4090' } }],
  ['with lists', 'geolocation in [US, SE]', { geolocation: { in: ['US', 'SE'] } }],
])('a search that the market shows %s is the same', (_how, search, shown) => {
  const usual = { verified: { eq: true }, rentable: { eq: 'True' }, rented: { eq: false } };
  const query =
    typeof shown === 'string' ? { ...JSON.parse(shown), ...usual } : { ...Object(shown), ...usual };
  const row = {
    id: 1,
    endpoint_id: 2,
    search_query: typeof shown === 'string' ? JSON.stringify(query) : query,
  };
  const group = toWorkergroup(row);
  expect(group && searchesFor(group, { search, gpuRamGb: null })).toBe(true);
  expect(group && searchesFor(group, { search: `${search} cuda_vers>=12`, gpuRamGb: null })).toBe(false);
});

test('a workergroup whose search is not shown, or in no form we know, counts as another', () => {
  for (const search_query of [undefined, null, 'nonsense', 7]) {
    const group = toWorkergroup({ id: 1, search_query });
    expect(group && searchesFor(group, { search: 'num_gpus=1', gpuRamGb: null })).toBe(false);
  }
});

test('the usual conditions are added where a search does not name them', () => {
  expect(withUsualConditions('')).toBe('verified=True rentable=True rented=False');
  expect(withUsualConditions('verified=any num_gpus=1')).toBe(
    'verified=any num_gpus=1 rentable=True rented=False',
  );
});

test.each(['gpu_ram', 'gpu_ram is 4', '>=4', 'num_gpus=1 and more', 'a=[1'])('%s is no search', (search) => {
  expect(readConditions(search)).toBeNull();
});

test('two searches differ when one bound does', () => {
  const same = (a: string, b: string) => isSameSearch(readConditions(a) ?? {}, readConditions(b) ?? {});
  expect(same('num_gpus>=1 num_gpus<=4', 'num_gpus<=4 num_gpus >= 1')).toBe(true);
  expect(same('num_gpus>=1', 'num_gpus>1')).toBe(false);
  expect(same('gpu_ram>=24', 'gpu_ram>=25')).toBe(false);
});
