import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import type { VersionsAnswer } from '../../src/admin/answers.ts';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import type { Api } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { copyProduct } from '../support/product-copy.ts';
import { aLaunch, startStack } from '../support/stack.ts';

const DEPLOYMENT = { LEASH_DEPLOYMENT: 'leash' };

/** What a later version does before anything else, unguarded: no open session of the older one replays on it. */
const LATER = [
  { file: 'src/workflows/gpu-session.ts', find: '  patched,\n', replace: '  patched,\n  sleep,\n' },
  {
    file: 'src/workflows/gpu-session.ts',
    find: '      await takeOn(rental);\n',
    replace:
      "      await sleep(10, { summary: 'what the later version does' });\n      await takeOn(rental);\n",
  },
] as const;

test('an open session stays with the version that began it, new ones run on the next, and the older one drains', {
  timeout: 240_000,
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'leash-later-'));
  try {
    const later = copyProduct(LATER, join(place, 'later'));
    await using stack = await startStack({ worker: 'none', settings: DEPLOYMENT });
    const { api, books, temporal } = stack;
    const first = await stack.workerProcess({ ...DEPLOYMENT, LEASH_BUILD_ID: 'first' });
    await api.launched(aLaunch({ session: 'old' }));
    const before = await api.supervised('old');
    expect(await versions(api)).toMatchObject([{ build_id: 'first', status: 'current', workers: 1 }]);

    const second = await stack.workerProcess({ ...DEPLOYMENT, LEASH_BUILD_ID: 'second' }, later);
    const waiting = await api.admin('POST', 'versions/promote', { build_id: 'third' });
    expect(waiting).toMatchObject({ status: 404, body: { kind: 'not-found' } });
    const promoted = await api.admin('POST', 'versions/promote', { build_id: 'second' });
    expect(promoted.status).toBe(200);
    await api.launched(aLaunch({ session: 'new' }));
    await api.supervised('new');
    await eventually('each version has its session', async () => {
      const [newer, older] = await versions(api);
      return newer?.open_sessions === 1 && older?.open_sessions === 1 && older.status === 'draining';
    });
    await expect(whoDecides(temporal, 'session/new')).resolves.toContain('what the later version does');
    await expect(whoDecides(temporal, 'session/old')).resolves.not.toContain('what the later version does');

    const extended = await api.admin('POST', 'vllm/extend', { session: 'old', additional_minutes: 5 });
    expect(extended.status).toBe(200);
    expect(await api.status('old')).toMatchObject({ state: 'READY', instance_id: before.instance_id });
    await expect(replayedOn(later, temporal, 'session/old')).rejects.toThrow(/nondetermin/i);
    await expect(replayedOn(later, temporal, 'session/new')).resolves.toBeUndefined();
    await books.expectAllWell(await api.destroyed('old'));

    await eventually('nothing of the older version is open', async () => {
      const older = (await versions(api)).find(({ build_id }) => build_id === 'first');
      return older?.open_sessions === 0;
    });
    await first.kill('SIGTERM');
    // Ledger, reaper and the new session go on with the later version alone.
    const again = await api.admin('POST', 'vllm/extend', { session: 'new', additional_minutes: 5 });
    expect(again.status).toBe(200);
    expect((await api.admin('POST', 'reap', { dry_run: true })).status).toBe(200);
    await books.expectAllWell(await api.destroyed('new'));
    await second.kill('SIGTERM');
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

async function versions(api: Api): Promise<VersionsAnswer['items']> {
  const { body } = await api.admin('GET', 'versions');
  return (body as VersionsAnswer).items;
}

type Place = { readonly address: string; readonly namespace: string };

/** What a session's history holds, as text. */
async function whoDecides(place: Place, workflowId: string): Promise<string> {
  const { client, close } = await connectClient(place);
  const history = await client.workflow.getHandle(workflowId).fetchHistory().finally(close);
  return (history.events ?? [])
    .map(({ userMetadata }) => Buffer.from(userMetadata?.summary?.data ?? []).toString())
    .join('\n');
}

async function replayedOn(product: string, place: Place, workflowId: string): Promise<void> {
  const { client, close } = await connectClient(place);
  const history = await client.workflow.getHandle(workflowId).fetchHistory().finally(close);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const workflowsPath = join(product, 'src/workflows/index.ts');
  const bundle = await workflowBundle({ workflowsPath, sources: [join(product, 'src')] });
  await Worker.runReplayHistory({ workflowBundle: bundle }, history);
}
