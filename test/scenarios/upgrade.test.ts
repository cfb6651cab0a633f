import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { copyProduct } from '../support/product-copy.ts';
import { aLaunch, startStack } from '../support/stack.ts';

/** What workers did before they remembered machines and kept receipts: the commands of later versions are missing. */
const BEFORE = [
  {
    file: 'src/workflows/remember.ts',
    find: "  if (!patched('machine-memory')) return;\n",
    replace: '  if (rental.isOver || rental.remembering >= 0) return;\n',
  },
  {
    file: 'src/workflows/give-back.ts',
    find: "if (patched('archive-receipts')) await keepReceipt(rental, receipt);",
    replace: 'if (rental.isOver) await keepReceipt(rental, receipt);',
  },
] as const;

test('a session that an older build opened is finished by this one, and one build’s history replays on the other', {
  timeout: 240_000,
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'leash-older-'));
  try {
    const older = copyProduct(BEFORE, join(place, 'older'));
    await using stack = await startStack({ worker: 'none' });
    const { api, books } = stack;
    // Its first host fails: the older build passes the place where this one remembers the machine.
    await stack.faults({ fault: 'cdi-error', label_prefix: stack.labelPrefix('old') });
    const worker = await stack.workerProcess({}, older);
    await api.launched(aLaunch({ session: 'old' }));
    const before = await api.supervised('old');
    expect(before.attempts.length).toBeGreaterThanOrEqual(2);
    await worker.kill();

    await stack.workerProcess();
    const extended = await api.admin('POST', 'vllm/extend', { session: 'old', additional_minutes: 5 });
    expect(extended.status).toBe(200);
    await api.launched(aLaunch({ session: 'new' }));
    await api.supervised('new');
    expect(await api.status('old')).toMatchObject({ state: 'READY', instance_id: before.instance_id });
    for (const session of ['old', 'new']) await books.expectAllWell(await api.destroyed(session));

    const { client, close } = await connectClient(stack.temporal);
    const history = await client.workflow.getHandle('session/old').fetchHistory().finally(close);
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const replay = Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history);
    await expect(replay).resolves.toBeUndefined();
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});
