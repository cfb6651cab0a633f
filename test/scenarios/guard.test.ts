import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** Instances run their own start script, guard and all, as processes of this machine. */
const REAL_GUARDS = { backend: 'process' } as const;
const GUARD_MINUTES = 0.2;
const GUARD_MS = GUARD_MINUTES * 60_000;
/** The guard's own look, its start of Python, the market's time for a DELETE. */
const ROOM_MS = 20_000;

describe.concurrent('the dead-man’s switch', { timeout: 240_000 }, () => {
  test('with every process of ours killed for good, each instance ends by itself', async () => {
    await using stack = await startStack({
      worker: 'none',
      simulator: REAL_GUARDS,
      settings: { LEASH_GUARD_MINUTES: String(GUARD_MINUTES) },
    });
    const { api, books } = stack;
    const worker = await stack.workerProcess();
    for (const session of ['one', 'two']) await api.launched(aLaunch({ session }));
    for (const session of ['one', 'two']) await api.supervised(session);
    await worker.kill();
    for (const { id } of await books.ours()) {
      expect(await books.awaitGone(id, GUARD_MS + ROOM_MS)).toMatchObject({ destroyed_by: 'instance' });
    }
    await books.expectStrangersUntouched();

    await stack.startWorker();
    for (const session of ['one', 'two']) {
      const receipt = await api.ended(session);
      expect(receipt.outcome).toBe('lost');
      expect(receipt.reason).toContain('ended by its guard');
      // Both may have wanted the same machine at first.
      expect(receipt.attempts.at(-1)?.failure).toMatchObject({ kind: 'guard-ended', whose: 'nobody' });
    }
    await books.expectNoneAlive();
    await books.expectNoDoubleRent();
  });

  test('with Temporal dead and the worker alive they end too', async () => {
    const home = mkdtempSync(join(tmpdir(), 'leash-guard-'));
    const temporal = await startEmbeddedTemporal({ home, port: 0, uiPort: null, namespace: 'leash-test' });
    try {
      await using stack = await startStack({
        worker: 'process',
        temporalAddress: temporal.address,
        simulator: REAL_GUARDS,
        settings: { LEASH_GUARD_MINUTES: String(GUARD_MINUTES) },
        policy: { temporalSilenceMs: 8_000 },
      });
      const { api, books } = stack;
      await api.launched(aLaunch());
      await api.supervised('default');
      const [contract] = await books.ours();
      await temporal.stop();
      expect(await books.awaitGone(contract?.id ?? 0, 8_000 + GUARD_MS + ROOM_MS)).toMatchObject({
        destroyed_by: 'instance',
      });
    } finally {
      await temporal.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });

  test('a healthy session is left alone, through an outage shorter than the guard’s time', async () => {
    const guardMs = 24_000;
    await using stack = await startStack({
      worker: 'none',
      simulator: REAL_GUARDS,
      settings: { LEASH_GUARD_MINUTES: String(guardMs / 60_000) },
    });
    const { api, books } = stack;
    const worker = await stack.workerProcess();
    await api.launched(aLaunch());
    const before = await api.supervised('default');
    await worker.kill();
    await pass(guardMs / 4);
    await stack.startWorker();
    await pass(1.5 * guardMs);
    const after = await api.status('default');
    expect(after).toMatchObject({ state: 'READY', instance_id: before.instance_id });
    expect(await logOf(stack)).not.toContain('leash-guard');
    await books.expectAllWell(await api.destroyed('default'));
  });

  test('turned off it is left out: an instance waits for a worker as long as there is none', async () => {
    await using stack = await startStack({
      worker: 'none',
      simulator: REAL_GUARDS,
      settings: { LEASH_GUARD_MINUTES: '0' },
    });
    const { api, books } = stack;
    const worker = await stack.workerProcess();
    await api.launched(aLaunch());
    await api.supervised('default');
    await worker.kill();
    await pass(GUARD_MS + ROOM_MS / 2);
    expect(await books.ours()).toMatchObject([{ destroy_requested_at: null }]);
    await stack.startWorker();
    await books.expectAllWell(await api.destroyed('default'));
  });

  test('an image that counts no calls is refused, with the remedy; without a guard it serves', async () => {
    await using stack = await startStack();
    await stack.faults({ fault: 'vllm-uncounted', times: 0 });
    await stack.api.launched(aLaunch());
    const receipt = await stack.api.ended('default');
    expect(receipt.outcome).toBe('launch-failed');
    expect(receipt.attempts.map(({ failure }) => failure)).toMatchObject([
      { kind: 'guard-blind', whose: 'caller' },
    ]);
    expect(receipt.reason).toContain('LEASH_GUARD_MINUTES=0');
    await stack.books.expectAllWell(receipt);

    await using unguarded = await startStack({ settings: { LEASH_GUARD_MINUTES: '0' } });
    await unguarded.faults({ fault: 'vllm-uncounted', times: 0 });
    await unguarded.api.launched(aLaunch());
    await unguarded.api.ready('default');
    await unguarded.books.expectAllWell(await unguarded.api.destroyed('default'));
  });
});

/** What the container of the session has printed. */
async function logOf({ api }: Stack): Promise<string> {
  const { body } = await api.admin<unknown>('GET', 'sessions/default/logs');
  expect(JSON.stringify(body)).toContain('startup complete');
  return JSON.stringify(body);
}
