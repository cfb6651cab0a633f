import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { head, run, say, step, tail, Unprepared } from './progress.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.leash-setup');

/** The Node that npm scripts run under: the dev dependency `node`, not the machine's own. */
export const PROJECT_NODE = join(MODULES, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const NODE_MAJOR = 24;

/** Installs npm packages from the lockfile when they are missing or stale, Node itself among them. */
export async function ensurePackages() {
  if (isInstalled() && (await projectNodeMajor()) >= NODE_MAJOR) return;
  await withLock(`packages-${hash(ROOT).slice(0, 12)}`, async () => {
    if (!isInstalled()) await install();
    if ((await projectNodeMajor()) < NODE_MAJOR) await rebuildNode();
    writeFileSync(STAMP, wantedStamp());
  });
}

/** Also when npm was run by hand: what it noted of its work is then compared with the lockfile. */
function isInstalled() {
  if (!existsSync(join(MODULES, '.package-lock.json'))) return false;
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wantedStamp()) return true;
  if (!matchesLockfile()) return false;
  writeFileSync(STAMP, wantedStamp());
  return true;
}

function wantedStamp() {
  return hash(`${readFileSync(join(ROOT, 'package-lock.json'))} ${process.platform} ${process.arch}`);
}

function matchesLockfile() {
  const wanted = readPackages(join(ROOT, 'package-lock.json'));
  const present = readPackages(join(MODULES, '.package-lock.json'));
  const isMissing = (/** @type {string} */ path) =>
    path !== '' && (present[path] ? present[path].version !== wanted[path].version : !wanted[path].optional);
  return !Object.keys(wanted).some(isMissing);
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

async function install() {
  await step('Installing npm packages from the lockfile (about 650 MB, a minute or two)', async () => {
    const clean = await run('npm', ['ci', '--loglevel=error'], { cwd: ROOT });
    if (clean.ok) return;
    if (!/EUSAGE/.test(clean.output)) throw notInstalled('npm ci', clean.output);

    // `npm ci` refuses a lockfile that lacks optional packages of other platforms, and npm leaves those
    // out when it writes one against a registry that does not carry them. `npm install` needs them no more
    // than we do, takes what the lockfile has, and with --no-save leaves it as it is.
    say('  npm ci finds the lockfile incomplete for other platforms; installing from it all the same');
    const tolerant = await run('npm', ['install', '--no-save', '--loglevel=error'], { cwd: ROOT });
    if (!tolerant.ok) throw notInstalled('npm install', tolerant.output);
  });
}

/**
 * @param {string} command
 * @param {string} output
 */
function notInstalled(command, output) {
  return new Unprepared(
    `\`${command}\` failed. It needs npm, and access to the npm registry. It said:\n${head(output)}`,
  );
}

/** npm skips install scripts where it is told to, and then the package `node` holds no Node. */
async function rebuildNode() {
  await step(`Fetching Node ${NODE_MAJOR} (npm's own package of it)`, async () => {
    const { output } = await run('npm', ['rebuild', 'node', '--ignore-scripts=false'], { cwd: ROOT });
    if ((await projectNodeMajor()) >= NODE_MAJOR) return;
    throw new Unprepared(
      `${PROJECT_NODE} is not Node ${NODE_MAJOR}. Install Node ${NODE_MAJOR} or newer on this machine, ` +
        `or allow npm to run the install script of the package \`node\`. npm said:\n${tail(output)}`,
    );
  });
}

/** 0 where there is none that runs. */
async function projectNodeMajor() {
  const { ok, output } = await run(PROJECT_NODE, ['--version']);
  return ok ? Number(/^v(\d+)\./.exec(output)?.[1] ?? 0) : 0;
}

/** @param {string} text */
function hash(text) {
  return createHash('sha256').update(text).digest('hex');
}
