import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cachedTemporalServer, findOnPath, TEMPORAL_SERVER_VERSION } from '../find-temporal.mjs';
import { withLock } from './lock.mjs';
import { run, step, tail, Unprepared } from './progress.mjs';

const MODULE = 'go.temporal.io/server';
const GO_MINOR_MIN = 23;
/** What is built, and the name it has in Temporal's own images. */
const PROGRAMS = [
  { of: `${MODULE}/cmd/server`, built: 'server', name: 'temporal-server' },
  { of: `${MODULE}/cmd/tools/sql`, built: 'sql', name: 'temporal-sql-tool' },
];

/**
 * Builds the Temporal server that a deployment runs, with its schema tool, into the user's cache: only the runs on
 * PostgreSQL need it. Its configuration and its tables' definitions come with the module.
 */
export async function ensureTemporalServer() {
  const place = cachedTemporalServer();
  if (existsSync(place)) return;
  await withLock('temporal-server', async () => {
    if (existsSync(place)) return;
    const go = await findGo();
    await step(
      `Building the Temporal server ${TEMPORAL_SERVER_VERSION} with Go (a few minutes on two cores, once)`,
      () => buildInto(place, go),
    );
  });
}

async function findGo() {
  const go = findOnPath('go');
  const version = go ? (await run(go, ['version'])).output : '';
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  if (go && (Number(major) > 1 || Number(minor) >= GO_MINOR_MIN)) return go;
  throw new Unprepared(
    `the Temporal server ${TEMPORAL_SERVER_VERSION} is not built yet, and ${go ? `${version} is too old` : 'Go is not installed'} ` +
      `to build it. Install Go 1.${GO_MINOR_MIN} or newer.`,
  );
}

/**
 * In a folder beside it first: what is there is there whole.
 *
 * @param {string} place
 * @param {string} go
 */
async function buildInto(place, go) {
  mkdirSync(join(place, '..'), { recursive: true });
  const made = mkdtempSync(`${place}.build-`);
  try {
    const bin = join(made, 'bin');
    for (const { of, built, name } of PROGRAMS) {
      // One package at a time, so that the machine stays usable.
      const env = { ...process.env, GOBIN: bin, GOFLAGS: '-p=1' };
      await runGo(go, ['install', `${of}@v${TEMPORAL_SERVER_VERSION}`], env);
      renameSync(join(bin, built), join(bin, name));
    }
    const told = await runGo(go, ['mod', 'download', '-json', `${MODULE}@v${TEMPORAL_SERVER_VERSION}`]);
    const sources = JSON.parse(told.slice(told.indexOf('{'))).Dir;
    mkdirSync(join(made, 'config'));
    writeFileSync(join(made, 'config/docker.yaml'), readFileSync(join(sources, 'config/docker.yaml')));
    cpSync(join(sources, 'schema/postgresql/v12'), join(made, 'schema'), { recursive: true });
    renameSync(made, place);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/**
 * @param {string} go
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
async function runGo(go, args, env = process.env) {
  const { ok, output } = await run(go, args, { env });
  if (ok) return output;
  throw new Unprepared(
    `\`go ${args.join(' ')}\` failed; give Go access to its module proxy. It said:\n${tail(output)}`,
  );
}
