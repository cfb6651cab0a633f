import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { afterEach, expect, test } from 'vitest';
import type { Serving, ServingOrder } from '../../../src/simulator/backend.ts';
import {
  createProcessBackend,
  type ProcessBackendOptions,
} from '../../../src/simulator/serving/process-backend.ts';
import { anOrder, KEY } from './an-order.ts';
import { aChat, events, metric, post, withKey } from './calls.ts';
import { aCertificate } from './certificate.ts';
import { eventually, statusOf, within } from './eventually.ts';

const started: Serving[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((serving) => serving.stop()));
});

async function start(order: ServingOrder, options: ProcessBackendOptions = {}): Promise<Serving> {
  const serving = await createProcessBackend({ stopGraceMs: 2_000, ...options }).start(order);
  started.push(serving);
  return serving;
}

const isServing = (url: string) => async (): Promise<boolean> =>
  (await statusOf(`${url}/v1/models`, withKey)) === 200;

/** The number that a script printed as `name=123`. */
function printed(serving: Serving, name: string): string | undefined {
  return serving
    .logLines()
    .find((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

function isAlive(pid: number): boolean {
  try {
    // A process that has ended but was not collected yet has no command line any more.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

test('the start script is really run, and its vLLM answers on the mapped port', async () => {
  const order = await anOrder();
  const serving = await start(order);
  await eventually('the instance serves', isServing(order.url));
  expect(await statusOf(`${order.url}/v1/models`)).toBe(401);
  expect(await metric(order.url, 'http_requests_total', { handler: '/v1/models', status: '2xx' })).toBe(1);
  const streamed = await post(`${order.url}/v1/chat/completions`, aChat({ stream: true, max_tokens: 4 }));
  expect(events(streamed.text).at(-1)).toBe('[DONE]');
  const log = serving.logLines().join('\n');
  expect(log).toContain('Starting to load model Qwen/Qwen2.5-7B-Instruct');
  expect(log).toContain('Application startup complete.');
  expect(log).not.toContain(KEY);
});

test('connections are reset while nothing listens behind the port', async () => {
  const order = await anOrder({ onstart: 'sleep 60' });
  await start(order);
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
});

test('after a stop no process of the instance is left, nor its folder or port', async () => {
  const order = await anOrder({
    onstart: `
trap '' TERM
echo "folder=$PWD"
( trap '' TERM; echo "guard=$BASHPID"; while true; do sleep 1; done ) &
setsid bash -c 'echo "stray=$$"; exec sleep 600' &
echo "main=$$"
vllm serve tiny --host 127.0.0.1 --port \${LEASH_LISTEN_PORT:-8000} --api-key "$LEASH_VLLM_KEY"
sleep 600`,
  });
  const serving = await start(order, { stopGraceMs: 100 });
  await eventually('the instance serves', isServing(order.url));
  const pids = ['main', 'guard', 'stray'].map((name) => Number(printed(serving, name)));
  expect(pids.map(isAlive)).toEqual([true, true, true]);
  const folder = printed(serving, 'folder') ?? '';
  expect(existsSync(folder)).toBe(true);
  await within('the instance is stopped', serving.stop());
  expect(pids.map(isAlive)).toEqual([false, false, false]);
  expect(existsSync(folder)).toBe(false);
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
  const reported = await Promise.race([
    serving.exited,
    new Promise((resolve) => setImmediate(resolve, 'nothing')),
  ]);
  expect(reported).toBe('nothing');
});

test('a market that is killed leaves no process behind, in whatever session it runs', async () => {
  const program = `
    import { createProcessBackend } from ${JSON.stringify(new URL('../../../src/simulator/serving/process-backend.ts', import.meta.url).href)};
    const order = JSON.parse(process.env.ORDER);
    const serving = await createProcessBackend().start(order);
    setInterval(() => process.stdout.write(serving.logLines().join('\\n') + '\\n'), 50);`;
  const order = await anOrder({
    onstart: `setsid bash -c 'echo "stray=$$"; while true; do sleep 0.1; done' &
echo "main=$$"; sleep 600`,
  });
  const market = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    env: { PATH: process.env.PATH, ORDER: JSON.stringify(order) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  market.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const pidOf = (name: string) => Number(new RegExp(`^${name}=(\\d+)`, 'm').exec(output)?.[1] ?? 0);
  await eventually('both run', () => pidOf('main') > 0 && pidOf('stray') > 0, 20_000);
  const pids = ['main', 'stray'].map(pidOf);
  expect(pids.map(isAlive)).toEqual([true, true]);
  market.kill('SIGKILL');
  await eventually('both are gone', () => !pids.some(isAlive));
});

test('a stopped vLLM says goodbye when it is given the time', async () => {
  const order = await anOrder();
  const serving = await start(order, { stopGraceMs: 20_000 });
  await eventually('the instance serves', isServing(order.url));
  await serving.stop();
  expect(serving.logLines().at(-1)).toContain('Finished server process');
});

test('the container sees its own environment and nothing secret of ours', async () => {
  const order = await anOrder({
    onstart: 'env | sort; echo "done=1"; sleep 60',
    environment: { CONTAINER_ID: '4711' },
  });
  const serving = await start(order, {
    parentEnvironment: {
      PATH: process.env.PATH,
      VASTAI_API_KEY: 'secret-of-the-parent',
      VLLM_API_KEY: 'secret-of-the-parent',
      HF_TOKEN: 'secret-of-the-parent',
      VLLM_CPU_KVCACHE_SPACE: '1',
      HF_HUB_OFFLINE: '1',
      CUDA_VISIBLE_DEVICES: '0',
    },
  });
  await eventually('the script has printed all', () => printed(serving, 'done'));
  const log = serving.logLines().join('\n');
  expect(log).not.toContain('secret-of-the-parent');
  expect(printed(serving, 'CONTAINER_ID')).toBe('4711');
  expect(printed(serving, 'VLLM_CPU_KVCACHE_SPACE')).toBe('1');
  expect(printed(serving, 'HF_HUB_OFFLINE')).toBe('1');
  expect(printed(serving, 'CUDA_VISIBLE_DEVICES')).toBe('0');
  expect(printed(serving, 'LEASH_LISTEN_HOST')).toBe('127.0.0.1');
  expect(Number(printed(serving, 'LEASH_LISTEN_PORT'))).toBeGreaterThan(0);
  expect(printed(serving, 'HOME')).not.toBe(process.env.HOME);
});

test('a vllm on PATH is the one that runs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'test-vllm-'));
  try {
    await writeFile(join(folder, 'vllm'), '#!/bin/sh\necho "real=$*"\nexec sleep 60\n', { mode: 0o755 });
    const serving = await start(await anOrder({ onstart: 'exec vllm serve m --port 1' }), {
      parentEnvironment: { PATH: `${folder}:${process.env.PATH}` },
    });
    expect(await eventually('it runs', () => printed(serving, 'real'))).toBe('serve m --port 1');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a script that writes its certificate serves TLS through the mapped port', async () => {
  const { key, cert } = await aCertificate();
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const order = await anOrder({
    onstart: `
printf %s "$LEASH_TLS_KEY_B64" | base64 -d > "$HOME/key.pem"
printf %s "$LEASH_TLS_CERT_B64" | base64 -d > "$HOME/cert.pem"
exec vllm serve tiny --host 127.0.0.1 --port $LEASH_LISTEN_PORT --api-key "$K" --ssl-keyfile "$HOME/key.pem" --ssl-certfile "$HOME/cert.pem"`,
    environment: { K: KEY, LEASH_TLS_KEY_B64: base64(key), LEASH_TLS_CERT_B64: base64(cert) },
  });
  const serving = await start(order);
  await eventually('it says that it serves', () =>
    serving.logLines().some((line) => line.includes('startup complete')),
  );
  const dispatcher = new Agent({ connect: { ca: cert } });
  const url = order.url.replace('http:', 'https:');
  const answer = await request(`${url}/v1/models`, { dispatcher, headers: withKey });
  expect(answer.statusCode).toBe(200);
  await answer.body.dump();
  await dispatcher.destroy();
});

test('an instance of run type args runs its arguments', async () => {
  const order = await anOrder({ onstart: null, args: ['--model', 'tiny', '--api-key', KEY] });
  await start(order);
  await eventually('the instance serves', isServing(order.url));
});

test.each([
  ['model-gated', 1, 'OSError: You are trying to access a gated repo.'],
  ['bad-flag', 2, 'error: unrecognized arguments: --'],
] as const)(
  'the fault %s ends the script with code %i and the words of the real one',
  async (fault, code, words) => {
    const serving = await start(await anOrder({ faults: [{ fault, afterMs: 0 }] }));
    expect(await within('it ends', serving.exited)).toEqual({ code, signal: null });
    await eventually('the log tells why', () => serving.logLines().join('\n').includes(words));
  },
);

test('a model server that never gets ready stays and serves nothing', async () => {
  const order = await anOrder({ faults: [{ fault: 'vllm-never-ready', afterMs: 0 }] });
  const serving = await start(order);
  await eventually('it loads', () =>
    serving.logLines().some((line) => line.includes('Starting to load model')),
  );
  expect(await statusOf(`${order.url}/health`)).toBe('refused');
});

test('a dying model server ends its script with code 0, as vLLM does', async () => {
  const order = await anOrder({ faults: [{ fault: 'vllm-dies', afterMs: 100 }] });
  const serving = await start(order);
  expect(await within('it ends', serving.exited)).toEqual({ code: 0, signal: null });
  expect(serving.logLines().join('\n')).toContain('EngineCore encountered a fatal error');
});

test('a container that exits ends everything in it, though its script would have gone on', async () => {
  const order = await anOrder({
    onstart:
      'vllm serve tiny --host 127.0.0.1 --port $LEASH_LISTEN_PORT & echo "main=$$"; sleep 600; sleep 600',
    faults: [{ fault: 'exits', afterMs: 100 }],
  });
  const serving = await start(order);
  const end = await within('it ends', serving.exited);
  expect(end.code ?? end.signal).not.toBe(0);
  expect(isAlive(Number(printed(serving, 'main')))).toBe(false);
});

test('a taken host port is an error, and leaves nothing running', async () => {
  const order = await anOrder({ onstart: 'sleep 60' });
  await start(order);
  await expect(createProcessBackend().start(order)).rejects.toThrow(/EADDRINUSE/);
});
