import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { PROJECT_NODE } from './packages.mjs';
import { run, step, tail, Unprepared } from './progress.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SOURCES = join(ROOT, 'src', 'dashboard');
const INDEX = join(ROOT, 'dist', 'dashboard', 'index.html');
const STAMP = join(ROOT, 'dist', 'dashboard.stamp');

/** Builds the dashboard when it is missing or older than its sources. */
export async function ensureDashboard() {
  if (isBuilt()) return;
  await withLock(`dashboard-${hash([ROOT]).slice(0, 12)}`, async () => {
    if (isBuilt()) return;
    const wanted = wantedStamp();
    await step('Building the dashboard', async () => {
      const built = await run(PROJECT_NODE, [join(ROOT, 'scripts', 'build-dashboard.mjs')], { cwd: ROOT });
      if (!built.ok)
        throw new Unprepared(`The dashboard could not be built. Vite said:\n${tail(built.output)}`);
    });
    writeFileSync(STAMP, wanted);
  });
}

function isBuilt() {
  return existsSync(INDEX) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wantedStamp();
}

/** What the build is made of: its sources, and the packages it is made with. */
function wantedStamp() {
  const files = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const build = join(ROOT, 'scripts', 'build-dashboard.mjs');
  return hash([...files, build, join(ROOT, 'package-lock.json')].map((file) => readFileSync(file, 'utf8')));
}

/** @param {readonly string[]} texts */
function hash(texts) {
  const hashed = createHash('sha256');
  for (const text of texts) hashed.update(text).update('\0');
  return hashed.digest('hex');
}
