import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin', import.meta.url));

let project: string;

/** A project whose command line tells what reaches it, and ends as it is asked to. */
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'leash-bin-'));
  await cp(BIN, join(project, 'bin'), { recursive: true });
  await mkdir(join(project, 'src', 'cli'), { recursive: true });
  await writeFile(
    join(project, 'src', 'cli', 'main.ts'),
    `const [how, ...rest]: string[] = process.argv.slice(2);
     if (how === 'exit') process.exit(Number(rest[0]));
     if (how === 'die') process.kill(process.pid, 'SIGKILL');
     if (how === 'echo') console.log(JSON.stringify({ rest, isMain: import.meta.main }));
     if (how === 'wait') {
       process.on('SIGTERM', () => { console.log('tidied up'); process.exit(7); });
       setInterval(() => {}, 1_000);
       console.log('ready');
     }`,
  );
});
afterEach(() => rm(project, { recursive: true, force: true }));

function leash(...args: string[]): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  return spawn(process.execPath, [join(project, 'bin', 'leash.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('arguments reach the command line as they were given', async () => {
  const running = leash('echo', '--name', 'two words', '*');
  const [said] = await once(running.stdout, 'data');
  expect(JSON.parse(String(said))).toEqual({ rest: ['--name', 'two words', '*'], isMain: true });
  expect(await once(running, 'exit')).toEqual([0, null]);
});

test('the exit code is the command line’s own', async () => {
  expect(await once(leash('exit', '3'), 'exit')).toEqual([3, null]);
  expect(await once(leash('die'), 'exit')).toEqual([null, 'SIGKILL']);
});

test('a signal reaches the command line, which may tidy up before it ends', async () => {
  const running = leash('wait');
  let said = '';
  running.stdout.on('data', (chunk) => {
    said += chunk;
  });
  await expect.poll(() => said, { timeout: 10_000 }).toContain('ready');
  running.kill('SIGTERM');
  expect(await once(running, 'close')).toEqual([7, null]);
  expect(said).toContain('tidied up');
});
