import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDeployment } from '../../src/cli/pyworker/deployment.ts';
import type { Simulator, SimulatorOptions } from '../../src/simulator/simulator.ts';
import { aMarket, aRenter, type Json, SOON } from '../simulator/renter.ts';
import { runLeash } from './run-leash.ts';

const LONG = { timeout: 90_000 };
const A_DEPLOYMENT = {
  template: {
    name: 'embedder',
    image: 'ghcr.io/example/embedder:1.2.0',
    env: { MODEL_SERVER_PORT: 8000, GREETING: 'good day' },
    onstart: ['cd /app', 'exec node worker.ts'],
    diskGb: 24,
  },
  endpoint: { coldWorkers: 0, maxWorkers: 3, maxQueueTime: 20 },
  workergroup: { searchParams: 'gpu_ram>=16 num_gpus=1', gpuRam: 16 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leash-deploy-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A market, and the commands as its renter would call them. */
async function aStage(options: SimulatorOptions = {}) {
  const market = await aMarket(options);
  const env = {
    VASTAI_API_URL: market.url,
    VASTAI_API_KEY: market.key,
    LEASH_RATE_SCALE: '0',
    LEASH_HOME: folder,
    NO_COLOR: '1',
  };
  const file = join(folder, `${market.key.slice(0, 12)}.json`);
  return {
    market,
    env,
    renter: aRenter(market.url, market.key),
    leash: (...words: string[]) => runLeash(['pyworker', ...words], { env }),
    deploy: async (deployment: unknown = A_DEPLOYMENT, ...words: string[]) => {
      await writeFile(file, typeof deployment === 'string' ? deployment : JSON.stringify(deployment));
      return runLeash(['pyworker', 'deploy', file, ...words], { env });
    },
    [Symbol.asyncDispose]: () => market.close(),
  };
}

/** The market through a door that shows no list for a while after something was made. */
async function aLaggingMarket(url: string, lagMs: number) {
  let madeAtMs = Number.NEGATIVE_INFINITY;
  let hidden = 0;
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    const isHidden = request.method === 'GET' && performance.now() - madeAtMs < lagMs && !/users/.test(path);
    if (request.method === 'POST') madeAtMs = performance.now();
    if (isHidden) hidden += 1;
    const body = isHidden ? JSON.stringify({ success: true, results: [], templates: [] }) : null;
    const answer = await fetch(`${url}${path}`, {
      method: request.method ?? 'GET',
      headers: { authorization: request.headers.authorization ?? '' },
      ...(request.method === 'POST' ? { body: await readText(request) } : {}),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(body ?? (await answer.text()));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hidden: () => hidden,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The calls of the market that change something, in their order. */
function changesSent(market: Simulator): string[] {
  return market
    .requests()
    .filter(({ method, path }) => method !== 'GET' && path.startsWith('/api/'))
    .map(({ method, path }) => `${method} ${path.replace(/\d{3,}/, 'ID')}`);
}

test(
  'a deploy makes template, endpoint and workergroup; a second one changes nothing and says so',
  LONG,
  async () => {
    await using stage = await aStage();
    const first = await stage.deploy();
    expect(first, first.err).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      /template embedder: created\nendpoint embedder: created\nworkergroup of embedder: created/,
    );
    expect(first.out).toContain('leash pyworker status embedder');
    const made = stage.market.serverless();
    expect(made.endpoints).toMatchObject([
      { endpoint_name: 'embedder', cold_workers: 0, max_workers: 3, max_queue_time: 20, target_util: 0.9 },
    ]);
    const [template] = (await stage.renter.call('GET', '/api/v0/template/')).json.templates;
    expect(template).toMatchObject({
      image: 'ghcr.io/example/embedder',
      tag: '1.2.0',
      env: '-p 3000:3000 -e WORKER_PORT=3000 -e MODEL_SERVER_PORT=8000 -e GREETING="good day"',
      onstart: 'cd /app\nexec node worker.ts',
      private: true,
    });
    expect(made.workergroups).toMatchObject([{ template_hash: template.hash_id }]);

    const sent = changesSent(stage.market).length;
    const second = await stage.deploy();
    expect(second.out).toMatch(/embedder: as it should be[\s\S]*Nothing to change/);
    expect(changesSent(stage.market)).toHaveLength(sent);
  },
);

test('a dry run prints the calls, makes none that changes anything, and shows no key', LONG, async () => {
  await using stage = await aStage();
  const env = { ...A_DEPLOYMENT.template.env, HF_TOKEN: 'hf_verysecret' };
  const { code, out, err } = await stage.deploy(
    { ...A_DEPLOYMENT, template: { ...A_DEPLOYMENT.template, env } },
    '--dry-run',
  );
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('POST /api/v0/template/');
  expect(out).toContain('POST /api/v0/endptjobs/');
  expect(out).toMatch(/POST \/api\/v0\/workergroups\/[\s\S]*gpu_ram>=16 num_gpus=1 verified=True/);
  expect(out).toContain('HF_TOKEN=[redacted]');
  expect(out).toMatch(/Note: HF_TOKEN: a template keeps its environment in plain text/);
  expect(out).not.toMatch(/verysecret/);
  expect(out).not.toContain(stage.market.key);
  expect(changesSent(stage.market)).toEqual([]);
});

test('what differs is changed and nothing else; a new image reaches the workergroup', LONG, async () => {
  await using stage = await aStage();
  await stage.deploy();
  const before = stage.market.serverless();
  const changed = {
    ...A_DEPLOYMENT,
    template: { ...A_DEPLOYMENT.template, image: 'ghcr.io/example/embedder:1.3.0' },
  };
  const { out } = await stage.deploy(changed, '--env', 'GREETING=hello');
  expect(out).toContain('image: ghcr.io/example/embedder:1.2.0 → ghcr.io/example/embedder:1.3.0');
  expect(out).toContain('endpoint embedder: as it should be');
  expect(out).toContain('`vastai update workers WORKERGROUP` replaces them');
  const after = stage.market.serverless();
  expect(after.workergroups[0]?.template_hash).not.toBe(before.workergroups[0]?.template_hash);
  expect(after.endpoints).toEqual(before.endpoints);
  const { templates } = (await stage.renter.call('GET', '/api/v0/template/')).json;
  expect(templates).toMatchObject([{ tag: '1.3.0', env: expect.stringContaining('-e GREETING=hello') }]);
});

test('every problem of a file is said at once, with its path, before anything is sent', LONG, async () => {
  await using stage = await aStage();
  const { code, err } = await stage.deploy({
    template: { ...A_DEPLOYMENT.template, diskGb: 1, images: 'x' },
    endpoint: { targetUtil: 2 },
    workergroup: { searchParams: 'gpu_ram more than 16' },
  });
  expect(code).toBe(2);
  for (const path of ['template.diskGb:', 'images', 'endpoint.targetUtil:', 'workergroup.searchParams:'])
    expect(err).toContain(path);
  const beyond = await stage.deploy({
    template: { ...A_DEPLOYMENT.template, onstart: '', env: { MASTER_TOKEN: 'x', WORKER_PORT: 3001 } },
  });
  for (const path of ['template.onstart:', 'template.env.MASTER_TOKEN:', 'template.env.WORKER_PORT:'])
    expect(beyond.err).toContain(path);
  expect(await stage.deploy('{"template":')).toMatchObject({ code: 2, err: expect.stringContaining('JSON') });
  expect(stage.market.requests()).toEqual([]);
});

test.each([
  ['worker', true],
  ['you/worker:1.0', true],
  ['registry.example.com:5000/team/a/worker_gpu:v1.2-rc.1', true],
  [`ghcr.io/you/worker@sha256:${'0a'.repeat(32)}`, true],
  ['ghcr.io/YOUR-ACCOUNT/worker:1', false],
  ['worker:', false],
  ['-v /:/host worker', false],
])('%s is an image: %s', (image, isOne) => {
  const reading = readDeployment(A_DEPLOYMENT, { image });
  expect(reading.kind).toBe(isOne ? 'read' : 'wrong');
});

test('a create whose answer is lost makes one endpoint, and the deploy goes on', LONG, async () => {
  await using stage = await aStage();
  stage.market.addFault({ call: 'endpoint', fault: 'reply-lost-after', skip: 1 });
  const { code, err } = await stage.deploy();
  expect([code, err]).toEqual([0, '']);
  expect(stage.market.serverless().endpoints).toHaveLength(1);
  expect(stage.market.serverless().workergroups).toHaveLength(1);
});

test('lists that lag behind what was made are waited for', LONG, async () => {
  await using stage = await aStage();
  await using lagging = await aLaggingMarket(stage.market.url, 1_500);
  const file = join(folder, 'lagging.json');
  await writeFile(file, JSON.stringify(A_DEPLOYMENT));
  const { code, err } = await runLeash(['pyworker', 'deploy', file], {
    env: { ...stage.env, VASTAI_API_URL: lagging.url },
  });
  expect([code, err]).toEqual([0, '']);
  expect(lagging.hidden()).toBeGreaterThan(0);
  const { endpoints, workergroups } = stage.market.serverless();
  expect(endpoints).toMatchObject([{ endpoint_name: 'embedder' }]);
  expect(workergroups).toMatchObject([{ endpoint_id: endpoints[0]?.id }]);
});

test(
  'a deploy that fails half-way says what to do, and the same command goes on from there',
  LONG,
  async () => {
    await using stage = await aStage();
    stage.market.addFault({ call: 'workergroup', fault: 'auth-error', times: 0 });
    const failed = await stage.deploy();
    expect(failed.code).toBe(4);
    expect(failed.err).toMatch(/Set VASTAI_API_KEY to a key of the account/);
    stage.market.clearFaults();
    const resumed = await stage.deploy();
    expect(resumed.out).toMatch(/template embedder: as it should be[\s\S]*workergroup of embedder: created/);
    expect(stage.market.serverless().workergroups).toHaveLength(1);
  },
);

test('another account’s public template of the same name is left alone', LONG, async () => {
  await using stage = await aStage();
  const stranger = aRenter(stage.market.url, 'stranger');
  await stranger.call('POST', '/api/v0/template/', { name: 'embedder', image: 'other:1', private: false });
  expect((await stage.deploy()).out).toContain('template embedder: created');
  const { templates } = (await stage.renter.call('GET', '/api/v0/template/')).json;
  expect(templates.map(({ image }: Json) => image).sort()).toEqual(['ghcr.io/example/embedder', 'other:1']);
});

test('two endpoints of one name are not chosen between', LONG, async () => {
  await using stage = await aStage();
  for (let count = 0; count < 2; count += 1)
    await stage.renter.call('POST', '/api/v0/endptjobs/', { endpoint_name: 'embedder', cold_workers: 0 });
  const { code, err } = await stage.deploy();
  expect(code).toBe(4);
  expect(err).toMatch(/2 endpoints named embedder \(\d+, \d+\)/);
});

test(
  'status shows the workers that the engine rents, and destroy ends them before what leads to them',
  LONG,
  async () => {
    await using stage = await aStage();
    const deployed = await stage.deploy({ ...A_DEPLOYMENT, endpoint: { coldWorkers: 2, maxWorkers: 3 } });
    expect(deployed, deployed.err).toMatchObject({ code: 0 });
    await expect.poll(() => stage.market.serverless().workers, SOON).toHaveLength(2);
    const ids = stage.market.serverless().workers.map(({ id }) => id);
    const shown = await stage.leash('status', 'embedder');
    expect(shown.out).toMatch(/embedder \(endpoint \d+\) is active: 2 workers of at most 3, 0 ready/);
    for (const id of ids) expect(shown.out).toMatch(new RegExp(`^ *${id} `, 'm'));
    expect(shown.out).toContain('rented');

    expect(await stage.leash('destroy', 'embedder')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/end 2 workers\? There is nobody to ask: --yes/),
    });
    const ended = await stage.leash('destroy', 'embedder', '--yes', '--template', 'embedder');
    expect(ended, ended.err).toMatchObject({ code: 0 });
    expect(ended.out).toMatch(
      /2 workers: gone\nworkergroup \d+: deleted\nendpoint embedder: deleted\ntemplate/,
    );
    const contracts = stage.market.contracts().filter(({ id }) => ids.includes(id));
    expect(contracts.map(({ state }) => state)).toEqual(['destroyed', 'destroyed']);
    expect(stage.market.serverless()).toMatchObject({ endpoints: [], workergroups: [], workers: [] });
    expect(await stage.leash('destroy', 'embedder', '--yes')).toMatchObject({
      code: 0,
      out: expect.stringContaining('There is no endpoint embedder'),
    });
    expect((await stage.leash('status', 'embedder')).err).toContain('leash pyworker deploy FILE');
  },
);

test('a wrong key is said to be one', LONG, async () => {
  await using market = await aMarket({ key: 'right' });
  const env = {
    VASTAI_API_URL: market.url,
    VASTAI_API_KEY: 'wrong-key',
    LEASH_RATE_SCALE: '0',
    LEASH_HOME: folder,
  };
  const { code, err } = await runLeash(['pyworker', 'status', 'x'], { env });
  expect(code).toBe(4);
  expect(err).toMatch(/Invalid user key.*Set VASTAI_API_KEY/);
  expect(err).not.toContain('wrong-key');
});
