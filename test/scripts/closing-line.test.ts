import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const REPORTER = join(ROOT, 'test', 'support', 'closing-line.ts');

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'leash-closing-'));
  await symlink(join(ROOT, 'node_modules'), join(project, 'node_modules'));
});
afterEach(() => rm(project, { recursive: true, force: true }));

/** The last line of a run of these test files. */
async function lastLine(files: Record<string, string>, globalSetup = ''): Promise<string | undefined> {
  const config = { test: { globals: true, reporters: ['default', REPORTER], globalSetup: [] as string[] } };
  if (globalSetup) {
    await writeFile(join(project, 'setup.ts'), globalSetup);
    config.test.globalSetup.push('./setup.ts');
  }
  await writeFile(join(project, 'vitest.config.ts'), `export default ${JSON.stringify(config)};`);
  for (const [name, source] of Object.entries(files)) await writeFile(join(project, name), source);
  const { LEASH_TEST_COUNTS_FILE: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [VITEST, 'run'], { cwd: project, env }, (_error, stdout) => {
      resolve(stdout.trimEnd().split('\n').at(-1));
    });
  });
}

test('what passed, failed and was skipped is counted', async () => {
  const line = await lastLine({
    'a.test.ts': "test('a', () => {}); test('b', () => { throw new Error('b'); }); test.skip('c', () => {});",
    'b.test.ts': "test('a', () => {}); test.todo('b');",
  });
  expect(line).toBe('2 passed, 1 failed, 2 skipped');
});

test('a run in which all is well says nothing of skipped tests', async () => {
  expect(await lastLine({ 'a.test.ts': "test('a', () => {});" })).toBe('1 passed, 0 failed');
});

test('a file that cannot be read, a broken suite and a stray error are failures too', async () => {
  const line = await lastLine({
    'a.test.ts': "test('a', () => {});",
    'b.test.ts': "import './not-there.ts'; test('b', () => {});",
    'c.test.ts': "describe('c', () => { afterAll(() => { throw new Error('c'); }); test('c', () => {}); });",
    'd.test.ts':
      "test('d', () => { setTimeout(() => { throw new Error('d'); }); return new Promise((r) => setTimeout(r, 50)); });",
  });
  expect(line).toBe('3 passed, 3 failed');
});

test('a run that does not come to its tests has failed', async () => {
  const files = { 'a.test.ts': "test('a', () => {});" };
  expect(await lastLine(files, "export default () => { throw new Error('no server'); };")).toBe(
    '0 passed, 1 failed',
  );
});
