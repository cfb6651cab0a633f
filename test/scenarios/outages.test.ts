import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ProblemAnswer, ReadinessAnswer } from '../../src/admin/answers.ts';
import { startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, startStack } from '../support/stack.ts';

describe.concurrent('a part is missing', () => {
  test('without a worker a launch is kept, an extension is told so, and a worker that comes takes them on', async () => {
    await using stack = await startStack({ worker: 'none' });
    const { api, books } = stack;
    const launched = await api.launch(aLaunch());
    expect(launched.status).toBe(202);
    expect(launched.body).toMatchObject({ created: true, accepted: null });
    const extended = await api.extend('default', 5);
    expect(extended.status).toBe(503);
    expect(extended.body.kind).toBe('no-worker');
    expect(extended.headers.get('retry-after')).not.toBeNull();
    expect(await api.status('default')).toMatchObject({ session: 'default', accepted: null });
    expect(await books.ours()).toEqual([]);
    await stack.startWorker();
    expect(await api.supervised('default')).toMatchObject({ accepted: true });
    await books.expectAllWell(await api.destroyed('default'));
  });

  test('readiness says within half a minute that the last worker has stopped, and at once that one is back', async () => {
    await using stack = await startStack();
    const { api } = stack;
    const readiness = async () => {
      const answer = await fetch(`${api.url}/readyz`, { signal: AbortSignal.timeout(20_000) });
      return { status: answer.status, body: (await answer.json()) as ReadinessAnswer };
    };
    await eventually('it is ready', async () => (await readiness()).status === 200, 30_000);
    // An idle worker asks Temporal once a minute, and is a worker all the same.
    const idleUntilMs = Date.now() + 20_000;
    while (Date.now() < idleUntilMs) expect((await readiness()).body.worker).toBe(true);
    await stack.stopWorker();
    const gone = await eventually(
      'it is not ready',
      async () => {
        const { status, body } = await readiness();
        return status === 503 && !body.worker ? body : null;
      },
      30_000,
    );
    expect(gone.details.join()).toContain('no worker');
    await stack.startWorker();
    await eventually('a worker is there', async () => (await readiness()).body.worker, 10_000);
  });

  test('without Temporal every call says so, and the server goes on answering', async () => {
    const home = mkdtempSync(join(tmpdir(), 'leash-outage-'));
    const temporal = await startEmbeddedTemporal({ home, port: 0, uiPort: null, namespace: 'leash-test' });
    try {
      await using stack = await startStack({ worker: 'none', temporalAddress: temporal.address });
      const { api } = stack;
      await temporal.stop();
      const calls = [
        api.admin<ProblemAnswer>('GET', 'vllm/status?session=default'),
        api.admin<ProblemAnswer>('POST', 'vllm/launch', aLaunch()),
        api.admin<ProblemAnswer>('POST', 'vllm/extend', { additional_minutes: 5 }),
        api.admin<ProblemAnswer>('POST', 'vllm/destroy', {}),
        api.admin<ProblemAnswer>('GET', 'budget'),
        api.admin<ProblemAnswer>('GET', 'sessions'),
      ];
      for (const answer of await Promise.all(calls)) {
        expect(answer.status).toBe(503);
        expect(answer.body.kind).toBe('temporal-unreachable');
        expect(answer.headers.get('retry-after')).not.toBeNull();
      }
      expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
      expect((await fetch(`${api.url}/readyz`)).status).toBe(503);
    } finally {
      await temporal.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });
});
