import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createVastWorker,
  type HandlerConfig,
  type VastWorker,
  type WorkerConfig,
} from '../../src/pyworker/index.ts';
import { type Engine, startEngine } from '../pyworker-conformance/engine.ts';
import { type ModelServer, startModelServer } from '../pyworker-conformance/model-server.ts';
import { eventually } from '../support/eventually.ts';

const SOON = { withinMs: 20_000, everyMs: 20 };
let home: string;
let engine: Engine;
let model: ModelServer;
const running: { worker: VastWorker; over: Promise<void> }[] = [];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'leash-pyworker-'));
  engine = await startEngine();
  model = await startModelServer();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ worker }) => worker.stop()));
  await model[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

const PARALLEL = { route: '/parallel', allowParallelRequests: true, maxQueueTime: null } as const;

/** A worker in this process, listening. Its model has been loaded unless `log` says otherwise. */
async function start(set: Partial<WorkerConfig> = {}, log = 'the model is up\n') {
  const [workerPort, localPort] = [await freePort(), await freePort()];
  writeFileSync(join(home, 'model.log'), log);
  const worker = createVastWorker(
    {
      ...{ host: '127.0.0.1', workerPort, localPort, modelServerPort: model.port, logLevel: 'silent' },
      ...{ modelLogFile: join(home, 'model.log'), benchmarkFile: join(home, 'benchmark') },
      handlers: [{ ...PARALLEL, benchmark: { loadPerSecond: 1_000 } }],
      logActionConfig: { onLoad: ['model is up'], onError: ['model broke'], onInfo: [] },
      ...set,
    },
    {
      ...{ CONTAINER_ID: '7', MASTER_TOKEN: 'token', REPORT_ADDR: engine.url, UNSECURED: 'true' },
      ...{ PUBLIC_IPADDR: '127.0.0.1', [`VAST_TCP_PORT_${workerPort}`]: String(workerPort) },
    },
  );
  const over = worker.run();
  running.push({ worker, over });
  await eventually('the worker listens', () => worker.address !== null, SOON);
  const url = `http://127.0.0.1:${workerPort}`;
  const ask = (route: string, payload: object = {}) =>
    fetch(`${url}${route}`, {
      method: 'POST',
      body: JSON.stringify({
        auth_data: { cost: 1, endpoint: 'e', reqnum: 1, request_idx: 1, signature: '', url: '' },
        payload,
      }),
    });
  const health = async () => (await fetch(`${url}/health`)).status;
  const isReady = () => eventually('the worker is ready', async () => (await health()) === 200, SOON);
  return {
    worker,
    over,
    url,
    ask,
    health,
    isReady,
    reports: engine.book(7).reports,
    retired: engine.book(7).retired,
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a worker that is told to stop', () => {
  test('lets what is in hand finish, takes nothing more, says its last, and is done at once', async () => {
    const { worker, over, ask, isReady, url, retired } = await start({ drainTimeout: 60 });
    await isReady();
    const inHand = ask('/parallel', { answer: { body: '{"a":1}', hold: 'head', tag: 'last' } });
    await model.arrived('last');
    const beganMs = performance.now();
    const stopping = worker.stop();
    const refused = await fetch(`${url}/parallel`, { method: 'POST', body: '{}' }).then(
      ({ status }) => status,
      () => 'no connection',
    );
    expect([503, 'no connection']).toContain(refused);
    model.release('last');
    expect(await (await inHand).json()).toEqual({ a: 1 });
    await Promise.all([stopping, over]);
    expect(performance.now() - beganMs).toBeLessThan(30_000);
    expect(retired).toMatchObject([{ request_idx: 1, status: 'Success' }]);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  test('does not wait for ever for what does not end', async () => {
    const { worker, ask, isReady, over } = await start({ drainTimeout: 0.2 });
    await isReady();
    const inHand = ask('/parallel', { answer: { body: '{}', hold: 'head', tag: 'stuck' } });
    inHand.catch(() => undefined);
    await model.arrived('stuck');
    await worker.stop();
    await over;
    await expect(inHand).rejects.toThrow();
    model.release('stuck');
  });
});

describe('how a worker is', () => {
  test('GET /health is 503 until the model’s log says that it is up', async () => {
    const { health, isReady, reports } = await start({}, 'loading\n');
    expect(await health()).toBe(503);
    appendFileSync(join(home, 'model.log'), 'the model is up\n');
    await isReady();
    await eventually('the engine is told', () => reports.some(({ loadtime }) => loadtime > 0), SOON);
  });

  test('an error line is told the engine at once, and stays', async () => {
    const { health, isReady, reports } = await start();
    await isReady();
    appendFileSync(join(home, 'model.log'), 'oh: the model broke\n');
    await eventually('the engine is told', () => reports.at(-1)?.error_msg === 'model broke', SOON);
    expect(await health()).toBe(503);
  });

  test('a model that falls ill is an error, and one that is well again is none', {
    timeout: 60_000,
  }, async () => {
    const { health, isReady, reports } = await start({ modelHealthcheckUrl: '/health' });
    await isReady();
    model.health.status = 500;
    await eventually(
      'it is ill',
      () => reports.at(-1)?.error_msg === 'Healthcheck failed with status: 500',
      SOON,
    );
    expect(await health()).toBe(503);
    model.health.status = 200;
    await eventually('it is well', () => reports.at(-1)?.error_msg === '', SOON);
    expect(await health()).toBe(200);
  });

  test('GET /metrics counts what was answered', async () => {
    const { ask, url, isReady } = await start();
    await isReady();
    await (await ask('/parallel')).text();
    await eventually(
      'it is counted',
      async () =>
        (await (await fetch(`${url}/metrics`)).text()).includes(
          'vast_worker_requests_total{route="/parallel",status="200"} 1',
        ),
      SOON,
    );
  });

  test('a benchmark to which nobody answers 200 is an error', async () => {
    const broken: HandlerConfig = {
      ...PARALLEL,
      benchmark: { dataset: [{ answer: { status: 500, body: '{}' } }], runs: 1, concurrency: 2 },
    };
    const { reports } = await start({ handlers: [broken] });
    await eventually(
      'the engine is told',
      () => reports.at(-1)?.error_msg === 'No successful responses from benchmark',
      SOON,
    );
  });
});

describe('code of a handler', () => {
  test('a parser that changes the payload in place changes what the model gets', async () => {
    const requestParser: HandlerConfig['requestParser'] = (payload) => {
      payload.stream = true;
      return payload;
    };
    const { ask, isReady } = await start({ handlers: [{ ...PARALLEL, requestParser }] });
    await isReady();
    await (await ask('/parallel', { prompt: 'x' })).text();
    expect(JSON.parse(String(model.requests.at(-1)?.body))).toEqual({ prompt: 'x', stream: true });
  });

  test('a parser that gives no payload is a 500, and the model is not asked', async () => {
    const requestParser = (async () => ({})) as unknown as HandlerConfig['requestParser'];
    const { ask, isReady } = await start({ handlers: [{ ...PARALLEL, requestParser }] });
    await isReady();
    expect((await ask('/parallel', { prompt: 'x' })).status).toBe(500);
    expect(model.requests).toEqual([]);
  });

  test('requests beyond `maxRequests` in hand are 429', async () => {
    const { ask, isReady } = await start({ maxRequests: 1 });
    await isReady();
    const first = ask('/parallel', { answer: { body: '{}', hold: 'head', tag: 'one' } });
    await model.arrived('one');
    expect((await ask('/parallel')).status).toBe(429);
    model.release('one');
    expect((await first).status).toBe(200);
  });
});
