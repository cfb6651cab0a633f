import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { installOfficialCli } from '../simulator/official-cli.ts';
import { recordOf, SOON } from '../simulator/renter.ts';
import { aStage, ROOT } from './stage.ts';

const LONG = { timeout: 240_000 };

beforeAll(installOfficialCli, 300_000);

/**
 * The whole story of one example, as its page tells it: deploy, be rented, load, measure, report ready, be routed to by
 * the official client, retire, be destroyed. `call` is what a caller does; it says how many requests that were.
 */
async function tell(
  example: string,
  { programs, call }: { programs: readonly string[]; call: (stage: Stage) => Promise<number> },
): Promise<void> {
  await using stage = await aStage({ programs });
  const folder = join(ROOT, 'examples', example);
  const file = join(folder, 'template.json');
  const { endpoint } = JSON.parse(await readFile(file, 'utf8'));
  await stage.leash(
    'deploy',
    file,
    '--image',
    'ghcr.io/you/worker:1.0.0',
    '--env',
    `WORKER_DIR=${folder}`,
    '--env',
    'USE_SSL=false',
  );
  await stage.awaitReady(1);
  const [worker] = stage.workers();
  expect(worker?.last_report).toMatchObject({ version: '1.1.0', error_msg: '' });
  expect(worker?.last_report?.max_perf).toBeGreaterThan(0);
  // It has measured that itself: what an earlier run has saved would be taken for it.
  expect(existsSync(join(folder, '.has_benchmark'))).toBe(false);
  expect(await stage.leash('status', endpoint.name)).toMatch(/1 ready[\s\S]* idle \(ready\) /);

  const requests = await call(stage);
  await expect.poll(() => stage.market.serverless().ledger, SOON).toEqual([]);
  const retired = stage.market.serverless().retired;
  expect(retired.map(({ how }) => how)).toEqual(Array(requests).fill('delete_requests'));
  await expectNoSecretLogged(stage, worker?.id ?? 0);
  expect(await stage.leash('destroy', endpoint.name, '--yes', '--template', endpoint.name)).toContain(
    '1 worker: gone',
  );
  expect(recordOf(stage.market, worker?.id ?? 0).state).toBe('destroyed');
}

type Stage = Awaited<ReturnType<typeof aStage>>;

/** Callers send the endpoint's key to the worker, in the query too; it is for nobody to read in a log. */
async function expectNoSecretLogged(stage: Stage, workerId: number): Promise<void> {
  const secrets = await stage.readSecrets();
  expect(secrets).toHaveLength(3);
  const logs = [await stage.readWorkerLog(workerId), await stage.readRequestLog()];
  for (const log of logs) {
    expect(log.length).toBeGreaterThan(0);
    for (const secret of secrets) expect(log).not.toContain(secret);
  }
}

test('the embeddings example serves embeddings', LONG, () =>
  tell('pyworker-embeddings', {
    programs: ['text-embeddings-router'],
    call: async ({ client }) => {
      const answer = await client.request('embeddings', '/embed', { inputs: ['a text', 'another'] });
      expect(answer).toMatchObject({ ok: true, status: 200 });
      expect(answer.response).toHaveLength(2);
      return 1;
    },
  }),
);

test('the vLLM example serves chat and completions, whole and as a stream', LONG, () =>
  tell('pyworker-vllm', {
    programs: [],
    call: async ({ client }) => {
      const model = 'Qwen/Qwen2.5-7B-Instruct';
      const messages = [{ role: 'user', content: 'Hello' }];
      const chat = await client.request('vllm', '/v1/chat/completions', { model, messages, max_tokens: 8 });
      expect(chat.response.choices[0].message.content.length).toBeGreaterThan(0);
      const prompt = { model, prompt: 'Hello', max_tokens: 8 };
      expect(await client.request('vllm', '/v1/completions', prompt)).toMatchObject({ ok: true });
      const streamed = await client.stream('vllm', '/v1/chat/completions', {
        model,
        messages,
        max_tokens: 8,
        stream: true,
      });
      expect(streamed.response.length).toBeGreaterThan(2);
      const unknown = await client.request('vllm', '/v1/completions', { ...prompt, model: 'another' });
      expect(unknown).toMatchObject({ ok: false, status: 404 });
      return 4;
    },
  }),
);

test('the rerank example serves reranking, one request at a time', LONG, () =>
  tell('pyworker-rerank', {
    programs: ['vllm'],
    call: async ({ client }) => {
      const payload = { model: 'm', query: 'a question', documents: ['one', 'two', 'three'] };
      const answer = await client.request('rerank', '/v1/rerank', payload);
      expect(answer.response.results).toHaveLength(3);
      return 1;
    },
  }),
);
