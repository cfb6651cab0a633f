import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installPython, type Pinned, pythonEnvironment } from '../support/python-environment.ts';

const run = promisify(execFile);

const VASTAI: Pinned = { name: 'vastai', version: '1.9.1' };
const { python, bin: BIN } = pythonEnvironment([VASTAI]);
/** Its interpreter; what was installed has a client and a worker in Python too. */
export const PYTHON = python;

/** Vast.ai's own command line, as published, in a Python environment of its own. */
export async function installOfficialCli(): Promise<void> {
  await installPython([VASTAI]);
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
    const command = [join(BIN, 'vastai'), '--url', url, '--api-key', key, '--no-color', ...words];
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
