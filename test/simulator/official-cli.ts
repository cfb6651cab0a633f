import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const VERSION = '1.9.1';
/** Kept between runs: making it takes half a minute. */
const ENVIRONMENT = fileURLToPath(new URL(`../../.leash/test/vastai-${VERSION}-venv`, import.meta.url));
/** Its interpreter; what was installed has a client in Python too. */
export const PYTHON = join(ENVIRONMENT, 'bin', 'python');

/** Vast.ai's own command line, as published, in a Python environment of its own. */
export async function installOfficialCli(): Promise<void> {
  if (await isInstalled()) return;
  await rm(ENVIRONMENT, { recursive: true, force: true });
  await mkdir(ENVIRONMENT, { recursive: true });
  await run('python3', ['-m', 'venv', ENVIRONMENT]);
  await run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `vastai==${VERSION}`]);
  if (!(await isInstalled())) throw new Error(`pip installed something other than vastai ${VERSION}`);
}

async function isInstalled(): Promise<boolean> {
  const ask = `import importlib.metadata as installed; print(installed.version('vastai'))`;
  return run(PYTHON, ['-c', ask]).then(
    ({ stdout }) => stdout.trim() === VERSION,
    () => false,
  );
}

/** What it printed; it exits 0 for most refusals, so tests read its words. */
export type Printed = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** The unmodified command against one market, with a home of its own: no cache, no key of the person testing. */
export async function anOfficialCli(url: string, key: string) {
  const home = await mkdtemp(join(tmpdir(), 'leash-vastai-'));
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_CACHE_HOME: join(home, 'cache'),
    // Asked at import, before any flag is read. It and --url must differ as texts: where they are the same, calls
    // of the serverless engine go to the real one.
    VAST_URL: url.replace('http:', 'HTTP:'),
    VASTAI_NO_UPDATE_CHECK: '1',
    COLUMNS: '200',
  };
  const vastai = async (...words: readonly string[]): Promise<Printed> => {
    const command = [
      join(ENVIRONMENT, 'bin', 'vastai'),
      '--url',
      url,
      '--api-key',
      key,
      '--no-color',
      ...words,
    ];
    try {
      const { stdout, stderr } = await run(PYTHON, command, { env, timeout: 30_000, maxBuffer: 20_000_000 });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as Partial<Printed>;
      return {
        code: typeof code === 'number' ? code : 1,
        stdout: stdout ?? '',
        stderr: stderr ?? String(error),
      };
    }
  };
  return {
    vastai,
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}
