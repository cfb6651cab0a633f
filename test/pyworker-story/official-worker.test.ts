import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { installOfficialCli, PYTHON } from '../simulator/official-cli.ts';
import { recordOf, SOON } from '../simulator/renter.ts';
import { aStage, HERE } from './stage.ts';

beforeAll(installOfficialCli, 300_000);

test('the official worker, deployed by leash, is rented, routed to, and retired by the simulated engine', {
  timeout: 240_000,
}, async () => {
  await using stage = await aStage({ programs: ['model-server'] });
  const file = join(stage.folder, 'deployment.json');
  await writeFile(file, JSON.stringify(A_DEPLOYMENT));
  await stage.leash('deploy', file);
  await stage.awaitReady(1);
  const [worker] = stage.workers();
  expect(worker?.last_report).toMatchObject({ version: '1.1.0', error_msg: '' });
  expect(worker?.last_report?.max_perf).toBeGreaterThan(0);

  const payload = { prompt: 'hello', max_tokens: 16 };
  expect(await stage.client.request('official', '/v1/completions', payload)).toMatchObject({
    ok: true,
    response: { choices: [{ text: 'one two' }] },
  });
  const streamed = await stage.client.stream('official', '/v1/completions', { ...payload, stream: true });
  expect(streamed.response).toMatchObject([{ choices: [{ text: 'one' }] }, { choices: [{ text: 'two' }] }]);
  await expect.poll(() => stage.market.serverless().ledger, SOON).toEqual([]);
  expect(stage.market.serverless().retired).toMatchObject([
    { how: 'delete_requests', reported: { status: 'Success' } },
    { how: 'delete_requests', reported: { status: 'Success' } },
  ]);
  await stage.leash('destroy', 'official', '--yes', '--template', 'official');
  expect(recordOf(stage.market, worker?.id ?? 0).state).toBe('destroyed');
});

const A_DEPLOYMENT = {
  template: {
    name: 'official',
    image: 'ghcr.io/example/official:1',
    env: { PYTHON, WORKER: join(HERE, 'official-worker.py'), MODEL_SERVER_PORT: 8000 },
    onstart: [
      'export MODEL_LOG="$(mktemp)"',
      'model-server --port "$MODEL_SERVER_PORT" >"$MODEL_LOG" 2>&1 &',
      'exec "$PYTHON" "$WORKER"',
    ],
    diskGb: 16,
  },
  endpoint: { coldWorkers: 1, maxWorkers: 2 },
};
