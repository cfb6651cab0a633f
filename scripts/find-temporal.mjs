import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * Where Temporal is on this machine. Looks, and starts or installs nothing: `setup.mjs` installs what
 * is missing here, and `src/temporal` starts what this finds, so that both always mean the same file.
 *
 * Plain JavaScript for Node 18, without dependencies: set-up runs it before anything is installed.
 *
 * @typedef {Record<string, string | undefined>} Environment
 * @typedef {(
 *   | { kind: 'address', address: string }
 *   | { kind: 'cli', path: string, from: 'LEASH_TEMPORAL_CLI' | 'PATH' | 'cache' }
 *   | { kind: 'missing', why: string }
 * )} TemporalFound
 */

/**
 * The Temporal server to use: the one at `TEMPORAL_ADDRESS`, else the program that can start one.
 *
 * @param {Environment} [environment]
 * @returns {TemporalFound}
 */
export function findTemporal(environment = process.env) {
  if (environment.TEMPORAL_ADDRESS) return { kind: 'address', address: environment.TEMPORAL_ADDRESS };
  return findTemporalCli(environment);
}

/**
 * The `temporal` program, whatever `TEMPORAL_ADDRESS` says: tests always start a server of their own.
 *
 * @param {Environment} [environment]
 * @returns {Exclude<TemporalFound, { kind: 'address' }>}
 */
export function findTemporalCli(environment = process.env) {
  const named = environment.LEASH_TEMPORAL_CLI;
  if (named) {
    if (isProgram(named)) return { kind: 'cli', path: named, from: 'LEASH_TEMPORAL_CLI' };
    return {
      kind: 'missing',
      why: `LEASH_TEMPORAL_CLI is ${named}, which is not a program that can be run.`,
    };
  }
  const onPath = findOnPath('temporal', environment);
  if (onPath) return { kind: 'cli', path: onPath, from: 'PATH' };
  const cached = cachedTemporalCli(environment);
  if (isProgram(cached)) return { kind: 'cli', path: cached, from: 'cache' };
  return {
    kind: 'missing',
    why: `There is no \`temporal\` program: not on PATH, nor at ${cached}. Run \`node scripts/setup.mjs\`.`,
  };
}

/**
 * The server that skips time, for workflow tests; `null` where set-up could not prepare one.
 *
 * @param {Environment} [environment]
 * @returns {string | null}
 */
export function findTimeSkippingServer(environment = process.env) {
  const path = cachedTimeSkippingServer(environment);
  return isProgram(path) ? path : null;
}

/**
 * Where set-up puts the `temporal` program.
 *
 * @param {Environment} [environment]
 */
export function cachedTemporalCli(environment = process.env) {
  return join(cacheDirectory(environment), 'bin', programName('temporal'));
}

/**
 * Where set-up puts the server that skips time: a program, or a script that starts one with Java.
 *
 * @param {Environment} [environment]
 */
export function cachedTimeSkippingServer(environment = process.env) {
  return join(cacheDirectory(environment), 'bin', programName('temporal-test-server'));
}

/** The server of a deployment, newest of those that build by module name beside the development server's. */
export const TEMPORAL_SERVER_VERSION = '1.29.1';

/**
 * Where set-up puts the server of a deployment: `bin`, with its schema tool, `config` and `schema` beside it.
 *
 * @param {Environment} [environment]
 */
export function cachedTemporalServer(environment = process.env) {
  return join(cacheDirectory(environment), `temporal-server-${TEMPORAL_SERVER_VERSION}`);
}

/**
 * What is kept between checkouts of this project: programs, prepared bundles.
 *
 * @param {Environment} [environment]
 */
export function cacheDirectory(environment = process.env) {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'leash');
}

/**
 * @param {string} name
 * @param {Environment} [environment]
 * @returns {string | null}
 */
export function findOnPath(name, environment = process.env) {
  for (const directory of (environment.PATH ?? '').split(delimiter)) {
    if (directory === '') continue;
    const path = join(directory, programName(name));
    if (isProgram(path)) return path;
  }
  return null;
}

/** @param {string} path */
export function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** @param {string} name */
function programName(name) {
  return process.platform === 'win32' ? `${name}.exe` : name;
}
