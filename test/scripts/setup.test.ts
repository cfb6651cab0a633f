import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cachedTemporalCli } from '../../scripts/find-temporal.mjs';

const SETUP = fileURLToPath(new URL('../../scripts/setup.mjs', import.meta.url));
const SYSTEM_PATH = '/usr/bin:/bin';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'leash-setup-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Set-up on a machine with nothing in the cache, and a network that refuses Temporal's download. */
function setUp({ path = '', args = [] as string[], environment = {} as Record<string, string> } = {}) {
  const env = {
    HOME: home,
    XDG_CACHE_HOME: join(home, 'cache'),
    PATH: path,
    HTTPS_PROXY: 'http://127.0.0.1:9',
    ...environment,
  };
  return new Promise<{ code: number; output: string }>((resolve) => {
    execFile(process.execPath, [SETUP, ...args], { env, timeout: 25_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr });
    });
  });
}

async function aProgram(path: string, script: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}`);
  await chmod(path, 0o755);
  return path;
}

/** Stands in for Go's compiler, which takes minutes: takes its time, and says in a file that it ran. */
async function aGoThatBuilds({ version = 'go1.26.8' } = {}): Promise<string> {
  const go = await aProgram(
    join(home, 'go', 'go'),
    `if [ "$1" = version ]; then echo "go version ${version} linux/amd64"; exit; fi
echo "$@" >> ${home}/builds
sleep 1
printf '#!/bin/sh\\n' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"
`,
  );
  return `${dirname(go)}:${SYSTEM_PATH}`;
}

test('with everything in place set-up says nothing and takes no time', async () => {
  const temporal = await aProgram(join(home, 'temporal'), '');
  const startedAtMs = Date.now();
  const { code, output } = await setUp({ environment: { LEASH_TEMPORAL_CLI: temporal } });
  expect({ code, output }).toEqual({ code: 0, output: '' });
  // 0.1 s alone on a machine; the bound leaves room for tests beside it.
  expect(Date.now() - startedAtMs).toBeLessThan(1_500);
});

test('with a server by address set-up brings none', async () => {
  const { code, output } = await setUp({ environment: { TEMPORAL_ADDRESS: 'there:7233' } });
  expect({ code, output }).toEqual({ code: 0, output: '' });
});

test('without a server, its download or Go, set-up says what to install', async () => {
  const { code, output } = await setUp({ path: join(home, 'empty') });
  expect(code).toBe(1);
  expect(output).toMatch(
    /Leash cannot be set up: .+Go is not installed.+Install the `temporal` command line/,
  );
  expect(output).not.toMatch(/passed/);
});

test('a Go that is too old is named', async () => {
  const path = await aGoThatBuilds({ version: 'go1.22.1' });
  const { code, output } = await setUp({ path });
  expect(code).toBe(1);
  expect(output).toMatch(/go1\.22\.1.+too old.+Go 1\.23 or newer/);
});

test('before tests, a set-up that fails is a failure in the last line', async () => {
  const { code, output } = await setUp({
    path: join(home, 'empty'),
    args: ['--test'],
    // Tests do not go to this one, so that it is no help.
    environment: { TEMPORAL_ADDRESS: 'production:7233' },
  });
  expect(code).toBe(1);
  expect(output).toContain('0 passed, 1 failed\n');
});

test('two set-ups at once build the server once, and both find it', async () => {
  const path = await aGoThatBuilds();
  const both = await Promise.all([setUp({ path }), setUp({ path })]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  const builds = (await readFile(join(home, 'builds'), 'utf8')).trim().split('\n');
  expect(builds).toEqual(['install github.com/temporalio/cli/cmd/temporal@v1.5.1']);
  expect(both.map(({ output }) => output).join()).toMatch(/Waiting for another set-up \(process \d+\)/);
  const cached = cachedTemporalCli({ XDG_CACHE_HOME: join(home, 'cache') });
  expect(await readFile(cached, 'utf8')).toContain('#!/bin/sh');
});

test('a set-up that was killed does not hold up the next', async () => {
  const locks = join(home, 'cache', 'leash', 'locks');
  await mkdir(locks, { recursive: true });
  const { pid } = execFile(process.execPath, ['--version']);
  await expect.poll(() => isAlive(Number(pid)), { timeout: 10_000 }).toBe(false);
  await writeFile(join(locks, 'temporal.lock'), String(pid));
  const { code } = await setUp({ path: await aGoThatBuilds() });
  expect(code).toBe(0);
});

test('without Java the tests that skip time are said to fail, and the others can run', async () => {
  const temporal = await aProgram(join(home, 'temporal'), '');
  const { code, output } = await setUp({
    path: join(home, 'empty'),
    args: ['--test'],
    environment: { LEASH_TEMPORAL_CLI: temporal },
  });
  expect(code).toBe(0);
  expect(output).toContain('Tests that skip time will fail: install java and mvn');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
