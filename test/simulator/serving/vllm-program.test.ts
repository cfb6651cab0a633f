import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { reserveFreePort } from '../../../src/simulator/serving/free-port.ts';
import { writeVllmWrapper } from '../../../src/simulator/serving/vllm-wrapper.ts';
import { KEY } from './an-order.ts';
import { getJson, withKey } from './calls.ts';
import { eventually, statusOf, within } from './eventually.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-vllm-'));
  writeVllmWrapper(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function run(args: string[], environment: Record<string, string> = {}) {
  const child = spawn(join(folder, 'vllm'), args, { env: { PATH: process.env.PATH, ...environment } });
  started.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  const ended = once(child, 'close').then(([code]) => ({ code: Number(code), ...output }));
  return { child, output, ended };
}

test('the program serves what its command line says and ends on SIGTERM with code 0', async () => {
  const { port } = await reserveFreePort();
  const url = `http://127.0.0.1:${port}`;
  const { child, output, ended } = run(
    ['serve', 'tiny', '--served-model-name', 'default', '--host', '127.0.0.1', '--port', String(port)],
    { VLLM_API_KEY: KEY, SIM_VLLM_LOAD_MS: '50' },
  );
  await eventually('it serves', async () => (await statusOf(`${url}/health`)) === 200);
  expect(await statusOf(`${url}/v1/models`)).toBe(401);
  expect(await getJson(`${url}/v1/models`, withKey)).toMatchObject({
    data: [{ id: 'default', root: 'tiny' }],
  });
  child.kill('SIGTERM');
  expect(await within('it ends', ended)).toMatchObject({ code: 0 });
  expect(output.stdout).toContain('Starting to load model tiny');
  expect(output.stderr).toContain('Application startup complete.');
  expect(output.stderr).toContain('Finished server process');
});

test('it prints its version', async () => {
  expect(await within('it ends', run(['--version']).ended)).toMatchObject({ code: 0, stdout: '0.16.0\n' });
});

test.each([
  [['serve', 'tiny', '--turbo'], 2, 'vllm: error: unrecognized arguments: --turbo'],
  [['train'], 2, "invalid choice: 'train'"],
  [['serve', 'tiny', '--ssl-certfile', '/nowhere/cert.pem'], 1, 'FileNotFoundError'],
])('a wrong command line (%j) ends with code %i and says why', async (args, code, words) => {
  const end = await within('it ends', run(args).ended);
  expect(end.code).toBe(code);
  expect(end.stderr).toContain(words);
});

test('it does not outlive the simulator that started it', async () => {
  const parent = spawn('sleep', ['600']);
  started.push(parent);
  const { port } = await reserveFreePort();
  const { ended } = run(['serve', 'tiny', '--host', '127.0.0.1', '--port', String(port)], {
    SIM_VLLM_PARENT_PID: String(parent.pid),
  });
  await eventually('it serves', async () => (await statusOf(`http://127.0.0.1:${port}/health`)) === 200);
  parent.kill('SIGKILL');
  expect(await within('it ends', ended)).toMatchObject({ code: 0 });
});
