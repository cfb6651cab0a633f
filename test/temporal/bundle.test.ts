import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { connectClient, connectWorker } from '../../src/temporal/connection.ts';

const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

let directory: string;
let cache: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'leash-bundle-'));
  cache = join(directory, 'cache');
  await symlink(MODULES, join(directory, 'node_modules'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** The fixture at a path of its own, so that what this process remembers of others does not count. */
async function aCopyOfTheWorkflows() {
  const copy = join(directory, randomUUID());
  await mkdir(copy);
  await cp(FIXTURES, copy, { recursive: true });
  return join(copy, 'workflows.ts');
}

test('a bundle made at one start runs workflows', async () => {
  const bundle = await workflowBundle({ workflowsPath: await aCopyOfTheWorkflows(), cache });
  const target = { address: inject('temporalAddress'), namespace: inject('temporalNamespace') };
  const { client, close } = await connectClient(target);
  const { connection, namespace, close: closeWorker } = await connectWorker(target);
  const taskQueue = `bundle-${randomUUID()}`;
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowBundle: bundle });
  const greeting = await worker.runUntil(
    client.workflow.execute('waitAndGreet', { workflowId: taskQueue, taskQueue, args: ['GPU', 20] }),
  );
  await closeWorker();
  await close();
  expect(greeting).toBe('hello GPU');
});

test('a bundle is made once, and taken from disk by the next start in under a second', async () => {
  const workflowsPath = await aCopyOfTheWorkflows();
  const first = await workflowBundle({ workflowsPath, cache });
  expect(workflowBundle({ workflowsPath, cache })).toBe(workflowBundle({ workflowsPath, cache }));
  expect(await readdir(cache)).toHaveLength(1);

  const { workflowBundle: inAnotherProcess } = await importAfresh();
  const startedAtMs = Date.now();
  const second = await inAnotherProcess({ workflowsPath, cache });
  expect(Date.now() - startedAtMs).toBeLessThan(1_000);
  expect(second.code).toBe(first.code);
});

test('a change in any source makes a new bundle', async () => {
  const workflowsPath = await aCopyOfTheWorkflows();
  const { code } = await workflowBundle({ workflowsPath, cache });
  await writeFile(
    join(workflowsPath, '..', 'greeting.ts'),
    "export const greetingFor = () => 'good evening';\n",
  );
  const { workflowBundle: inAnotherProcess } = await importAfresh();
  const changed = await inAnotherProcess({ workflowsPath, cache });
  expect(code).not.toContain('good evening');
  expect(changed.code).toContain('good evening');
});

test('workflows that cannot be bundled fail, and can be mended without a restart', async () => {
  const workflowsPath = await aCopyOfTheWorkflows();
  const mended = join(workflowsPath, '..', 'mended.ts');
  await writeFile(mended, "import 'node:fs';\nexport async function broken() {}\n");
  await expect(workflowBundle({ workflowsPath: mended, cache })).rejects.toThrow();
  await writeFile(mended, 'export async function mended() {}\n');
  await expect(workflowBundle({ workflowsPath: mended, cache })).resolves.toMatchObject({
    code: expect.stringContaining('mended'),
  });
});

/** The module without what it remembers: what another process would see. */
async function importAfresh(): Promise<typeof import('../../src/temporal/bundle.ts')> {
  vi.resetModules();
  return import('../../src/temporal/bundle.ts');
}
