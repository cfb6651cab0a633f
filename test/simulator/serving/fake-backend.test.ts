import { Agent, request } from 'undici';
import { afterEach, expect, test } from 'vitest';
import type { Serving, ServingOrder } from '../../../src/simulator/backend.ts';
import { createFakeBackend } from '../../../src/simulator/serving/fake-backend.ts';
import { anOrder, KEY } from './an-order.ts';
import { getJson, withKey } from './calls.ts';
import { aCertificate } from './certificate.ts';
import { eventually, statusOf, within } from './eventually.ts';

const started: Serving[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((serving) => serving.stop()));
});

async function start(order: ServingOrder): Promise<Serving> {
  const serving = await createFakeBackend().start(order);
  started.push(serving);
  return serving;
}

const isServing = (url: string) => async (): Promise<boolean> =>
  (await statusOf(`${url}/v1/models`, withKey)) === 200;

test('an instance serves what its start script names, on the mapped port', async () => {
  const order = await anOrder();
  const serving = await start(order);
  await eventually('the instance serves', isServing(order.url));
  expect(await getJson(`${order.url}/v1/models`)).toMatchObject({
    data: [{ id: 'Qwen/Qwen2.5-7B-Instruct', max_model_len: 512 }],
  });
  expect(serving.logLines().join('\n')).toContain('Application startup complete.');
});

test('its keys are not in its log', async () => {
  const order = await anOrder();
  const serving = await start(order);
  await eventually('the instance serves', isServing(order.url));
  expect(serving.logLines().join('\n')).toContain("'api_key': '***'");
  expect(serving.logLines().join('\n')).not.toContain(KEY);
});

test('an instance of run type args serves too', async () => {
  const order = await anOrder({ onstart: null, args: ['--model', 'tiny', '--api-key', KEY] });
  await start(order);
  await eventually('the instance serves', isServing(order.url));
});

test.each([
  ['its port is not mapped', { ports: [] }],
  ['it listens on the loopback of its container only', { onstart: 'vllm serve m --host 127.0.0.1' }],
  ['it listens on a port that is not mapped', { onstart: 'vllm serve m --port 9000' }],
])('an instance starts but cannot be reached when %s', async (_case, changes) => {
  const order = await anOrder(changes);
  const serving = await start(order);
  await eventually('it says that it serves', () => serving.logLines().at(-1)?.includes('startup complete'));
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
});

test('an instance with a certificate serves TLS with it', async () => {
  const { key, cert } = await aCertificate();
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const order = await anOrder({
    onstart:
      'vllm serve tiny --api-key "$K" --ssl-keyfile /etc/leash/key.pem --ssl-certfile /etc/leash/cert.pem',
    environment: { K: KEY, LEASH_TLS_KEY_B64: base64(key), LEASH_TLS_CERT_B64: base64(cert) },
  });
  const serving = await start(order);
  await eventually('it says that it serves', () => serving.logLines().at(-1)?.includes('startup complete'));
  const dispatcher = new Agent({ connect: { ca: cert } });
  const url = order.url.replace('http:', 'https:');
  const answer = await request(`${url}/v1/models`, { dispatcher, headers: withKey });
  expect([answer.statusCode, await answer.body.json()]).toMatchObject([200, { data: [{ id: 'tiny' }] }]);
  await expect(request(`${url}/v1/models`, { headers: withKey })).rejects.toThrow(/self-signed/);
  await dispatcher.close();
});

test('TLS files that nobody wrote end the container', async () => {
  const serving = await start(
    await anOrder({ onstart: 'vllm serve tiny --ssl-keyfile /k.pem --ssl-certfile /c.pem' }),
  );
  expect(await within('it ends', serving.exited)).toEqual({ code: 1, signal: null });
  expect(serving.logLines().at(-1)).toContain(
    "FileNotFoundError: [Errno 2] No such file or directory: '/c.pem'",
  );
});

test.each([
  [{}, '401 Client Error.', 'Please log in.'],
  [{ HF_TOKEN: 'hf_of_a_test' }, '403 Client Error.', 'you are not in the authorized list'],
])('a gated model ends the container in the words of the model hub', async (token, status, why) => {
  const order = await anOrder({ faults: [{ fault: 'model-gated', afterMs: 0 }] });
  const serving = await start({ ...order, environment: { ...order.environment, ...token } });
  expect(await within('it ends', serving.exited)).toEqual({ code: 1, signal: null });
  const log = serving.logLines().join('\n');
  expect(log).toContain('OSError: You are trying to access a gated repo.');
  expect(log).toContain(status);
  expect(log).toContain(why);
  expect(log).not.toContain('Starting to load model');
});

test.each([
  ['the machine has the fault', { faults: [{ fault: 'bad-flag', afterMs: 0 }] as const }],
  ['the script has one', { onstart: 'vllm serve m --turbo' }],
])('a flag that vLLM does not know ends the container with code 2 when %s', async (_case, changes) => {
  const serving = await start(await anOrder(changes));
  expect(await within('it ends', serving.exited)).toEqual({ code: 2, signal: null });
  expect(serving.logLines().join('\n')).toMatch(/error: unrecognized arguments: --/);
});

test('a server that never gets ready stops at the weights and stays', async () => {
  const order = await anOrder({ faults: [{ fault: 'vllm-never-ready', afterMs: 0 }], loadMs: 40 });
  const serving = await start(order);
  await eventually('it loads', () => serving.logLines().at(-1)?.includes('Starting to load model'));
  const early = await Promise.race([
    serving.exited,
    new Promise((resolve) => setTimeout(resolve, 120, 'stays')),
  ]);
  expect(early).toBe('stays');
  expect(serving.logLines().at(-1)).toContain('Starting to load model');
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
});

test('a container that exits takes its port with it', async () => {
  const order = await anOrder({ faults: [{ fault: 'exits', afterMs: 200 }] });
  const serving = await start(order);
  await eventually('the instance serves', isServing(order.url));
  expect(await within('it ends', serving.exited)).toEqual({ code: 0, signal: null });
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
});

test('a stopped instance frees its port, and its end is not reported as its own', async () => {
  const order = await anOrder();
  const serving = await start(order);
  await eventually('the instance serves', isServing(order.url));
  await serving.stop();
  await serving.stop();
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
  const reported = await Promise.race([
    serving.exited,
    new Promise((resolve) => setImmediate(resolve, 'nothing')),
  ]);
  expect(reported).toBe('nothing');
  const again = await start(order);
  await eventually('the same port serves again', isServing(order.url));
  await again.stop();
});

test('an instance stopped while its model loads never opens its port', async () => {
  const order = await anOrder({ loadMs: 60 });
  const serving = await start(order);
  await serving.stop();
  const lines = serving.logLines().length;
  const next = await start(await anOrder({ loadMs: 120 }));
  await eventually('a later one is ready', () => next.logLines().at(-1)?.includes('startup complete'));
  expect(serving.logLines()).toHaveLength(lines);
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
});

test('an image without a model server runs and serves nothing', async () => {
  const order = await anOrder({ image: 'pytorch/pytorch', onstart: 'jupyter lab' });
  const serving = await start(order);
  expect(serving.logLines()).toEqual([]);
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
});
