import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { request } from 'undici';
import { z } from 'zod';
import { broken, type Check, fine, reason, warning } from './check.ts';

const NODE_MAJOR_MIN = 24;
const DISK_LOW_BYTES = 1e9;
const DISK_OUT_BYTES = 1e8;
const SERVER_MS = 5_000;

/** This machine's own part: the runtime, and the home with room in it. */
export function checkMachine(home: string): Check[] {
  return [checkNode(), checkHome(home)];
}

function checkNode(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= NODE_MAJOR_MIN
    ? fine('node', `Node ${process.versions.node}`)
    : broken(
        'node',
        `Node ${process.versions.node} is too old.`,
        `Run it by npx leash, which brings its own, or install Node ${NODE_MAJOR_MIN}.`,
      );
}

function checkHome(home: string): Check {
  if (!existsSync(home))
    return warning('home', `${home} does not exist yet.`, 'It is made at the first start: leash up.');
  try {
    accessSync(home, constants.R_OK | constants.W_OK);
  } catch (error) {
    return broken('home', `${home} cannot be written: ${reason(error)}`, 'Give this user the right to it.');
  }
  const { bavail, bsize } = statfsSync(home);
  const freeBytes = bavail * bsize;
  const says = `${home}, ${(freeBytes / 1e9).toFixed(1)} GB free`;
  const remedy = 'Make room: Temporal’s database and the log grow there.';
  if (freeBytes < DISK_OUT_BYTES) return broken('home', says, remedy);
  return freeBytes < DISK_LOW_BYTES ? warning('home', says, remedy) : fine('home', says);
}

const documentSchema = z.object({ info: z.object({ version: z.string() }) });
const readinessSchema = z.object({ ready: z.boolean(), details: z.array(z.string()) });

/** The HTTP server: whether it answers, is of this version, and calls itself ready. */
export async function checkServer(url: string, version: string): Promise<Check[]> {
  try {
    const document = documentSchema.parse(await getJson(`${url}/api/openapi.json`));
    const theirs = document.info.version;
    const { ready, details } = readinessSchema.parse(await getJson(`${url}/readyz`));
    return [
      theirs === version
        ? fine('server', `${url}, version ${theirs}`)
        : warning(
            'server',
            `${url} is of version ${theirs}, this command of ${version}.`,
            'Start it anew from the same sources.',
          ),
      ready
        ? fine('ready', 'It calls itself ready.')
        : broken('ready', details.join('; ') || 'It is not ready.', 'See the checks below.'),
    ];
  } catch (error) {
    return [
      warning(
        'server',
        `No leash server answers at ${url} (${reason(error)}).`,
        'Start it with leash up, or name it with --url. Sessions go on without it.',
      ),
    ];
  }
}

async function getJson(url: string): Promise<unknown> {
  const answer = await request(url, { signal: AbortSignal.timeout(SERVER_MS) });
  return answer.body.json();
}
