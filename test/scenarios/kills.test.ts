import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectClient } from '../../src/temporal/connection.ts';
import { startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, startStack } from '../support/stack.ts';

describe.concurrent('processes are killed, and sessions go on', () => {
  test('the worker is killed while one session is READY and one boots, and both go on with what they rented', async () => {
    await using stack = await startStack({ worker: 'none', simulator: { timeScale: 40 } });
    const { api, books } = stack;
    const worker = await stack.workerProcess();
    await api.launched(aLaunch({ session: 'ready' }));
    const before = await api.ready('ready');
    await api.launched(aLaunch({ session: 'booting' }));
    await api.until('booting', 'boots', ({ state }) => state === 'BOOTING');
    await worker.kill();
    const killedAt = new Date().toISOString();
    await stack.workerProcess();
    const after = await api.until(
      'ready',
      'is looked at again',
      ({ health }) => (health.last_ok_at ?? '') > killedAt,
    );
    expect(after).toMatchObject({ state: 'READY', instance_id: before.instance_id });
    await api.supervised('booting');
    for (const session of ['ready', 'booting']) {
      expect(await books.ours(session)).toHaveLength(1);
      await books.expectAllWell(await api.destroyed(session));
    }
  });

  test('a worker that cannot open its ledger ends, and takes no task with it', async () => {
    await using stack = await startStack();
    await stack.stopWorker();
    const { client, close } = await connectClient(stack.temporal);
    const workflowId = `ledger/${stack.owner}`;
    const { memo } = await client.workflow.getHandle(workflowId).describe();
    await client.workflow.getHandle(workflowId).terminate();
    // Another workflow has the ledger's name, and answers nothing.
    await client.workflow
      .start('not-the-ledger', { workflowId, taskQueue: 'nobody', ...(memo && { memo }) })
      .finally(close);
    await expect(stack.workerProcess()).rejects.toThrow(/It ended/);
  });

  // A dead create is known by its time-out, 90 s: it must never be taken for refused before.
  test('the worker is killed after its create was processed: what it made is adopted', {
    timeout: 240_000,
  }, async () => {
    await using stack = await startStack({ worker: 'none' });
    const { api, books, market } = stack;
    const worker = await stack.workerProcess();
    market.addTrigger({
      call: 'create',
      moment: 'after',
      skip: 0,
      signal: { pid: worker.pid, name: 'SIGKILL' },
    });
    await api.launched(aLaunch());
    await eventually('a contract was made', async () => (await books.ours()).length > 0, 30_000);
    await stack.workerProcess();
    await api.ready('default', 150_000);
    expect(await books.ours()).toHaveLength(1);
    await api.supervised('default');
    await books.expectAllWell(await api.destroyed('default'));
  });

  test('the HTTP server is killed, and the next one serves the same sessions', async () => {
    await using stack = await startStack();
    const { api, books } = stack;
    await api.launched(aLaunch());
    const before = await api.supervised('default');
    const first = await stack.serverProcess();
    expect(await first.api.status('default')).toMatchObject({ instance_id: before.instance_id });
    await first.kill();
    const second = await stack.serverProcess();
    expect(await second.api.status('default')).toMatchObject({
      state: 'READY',
      instance_id: before.instance_id,
    });
    await eventually('the gateway answers', async () => (await second.api.chat()).status === 200);
    await books.expectAllWell(await second.api.destroyed('default'));
  });

  test('everything is killed, Temporal too, and started again: the session goes on', async () => {
    const home = mkdtempSync(join(tmpdir(), 'leash-killed-'));
    const start = (port: number) =>
      startEmbeddedTemporal({ home, port, uiPort: null, namespace: 'leash-test' });
    let temporal = await start(0);
    try {
      await using stack = await startStack({ worker: 'none', temporalAddress: temporal.address });
      const { api, books } = stack;
      const worker = await stack.workerProcess();
      const server = await stack.serverProcess();
      await api.launched(aLaunch());
      const before = await api.supervised('default');
      for (const pid of [worker.pid, server.pid, temporal.pid]) process.kill(pid, 'SIGKILL');
      const killedAt = new Date().toISOString();
      await temporal.stop();
      temporal = await start(Number(temporal.address.split(':')[1]));
      await stack.workerProcess();
      const { api: again } = await stack.serverProcess();
      const after = await again.until(
        'default',
        'is looked at again',
        ({ health }) => (health.last_ok_at ?? '') > killedAt,
      );
      expect(after).toMatchObject({ state: 'READY', instance_id: before.instance_id });
      expect(await books.ours()).toHaveLength(1);
      await books.expectAllWell(await again.destroyed('default'));
    } finally {
      await temporal.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });
});
