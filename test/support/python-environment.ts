import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withLock } from '../../scripts/setup/lock.mjs';

const run = promisify(execFile);

const ENVIRONMENTS = fileURLToPath(new URL('../../.leash/test', import.meta.url));

/** A package of PyPI in one version. */
export type Pinned = { readonly name: string; readonly version: string };

export type PythonEnvironment = {
  readonly python: string;
  /** Where the packages' commands are. */
  readonly bin: string;
};

/** Where `packages` are, or will be, installed: an environment of their own, kept between runs. */
export function pythonEnvironment(packages: readonly [Pinned, ...Pinned[]]): PythonEnvironment {
  const bin = join(placeOf(packages), 'bin');
  return { python: join(bin, 'python'), bin };
}

/** Makes the environment unless it stands already, in these very versions: that takes half a minute. */
export async function installPython(packages: readonly [Pinned, ...Pinned[]]): Promise<PythonEnvironment> {
  const environment = pythonEnvironment(packages);
  if (await isInstalled(environment, packages)) return environment;
  const place = placeOf(packages);
  // Test files run side by side: the first makes it, the others wait and find it made.
  await withLock(`python-${basename(place)}`, async () => {
    if (await isInstalled(environment, packages)) return;
    await make(place, environment, packages);
  });
  return environment;
}

async function make(
  place: string,
  environment: PythonEnvironment,
  packages: readonly Pinned[],
): Promise<void> {
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  await run('python3', ['-m', 'venv', place]);
  const wanted = packages.map(({ name, version }) => `${name}==${version}`);
  const quietly = ['--quiet', '--disable-pip-version-check'];
  await run(environment.python, ['-m', 'pip', 'install', ...quietly, ...wanted]);
  if (!(await isInstalled(environment, packages)))
    throw new Error(`pip installed something other than ${wanted.join(', ')}`);
}

function placeOf([first]: readonly [Pinned, ...Pinned[]]): string {
  return join(ENVIRONMENTS, `${first.name}-${first.version}-venv`);
}

async function isInstalled({ python }: PythonEnvironment, packages: readonly Pinned[]): Promise<boolean> {
  const ask = 'import importlib.metadata as installed, sys; print(*map(installed.version, sys.argv[1:]))';
  return run(python, ['-c', ask, ...packages.map(({ name }) => name)]).then(
    ({ stdout }) => stdout.trim() === packages.map(({ version }) => version).join(' '),
    () => false,
  );
}
