import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cachedTemporalCli, findOnPath, findTemporal, findTemporalCli } from '../find-temporal.mjs';
import { downloadWithSdk } from './download.mjs';
import { withLock } from './lock.mjs';
import { run, say, step, tail, Unprepared } from './progress.mjs';

/** The newest tag that installs by module name; its server is 1.29.1. */
const CLI_MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';
const GO_MINOR_MIN = 23;

/**
 * Finds a Temporal server, or brings one into the user's cache: by Temporal's own download, and where
 * that cannot be reached by building it with Go.
 *
 * @param {{ ignoreAddress: boolean }} options
 */
export async function ensureTemporal({ ignoreAddress }) {
  const find = () => (ignoreAddress ? findTemporalCli() : findTemporal());
  if (find().kind !== 'missing') return;
  if (process.env.LEASH_TEMPORAL_CLI) {
    throw new Unprepared(
      `LEASH_TEMPORAL_CLI is ${process.env.LEASH_TEMPORAL_CLI}, which is not a program that can be run. ` +
        'Set it to the `temporal` program, or unset it.',
    );
  }
  await withLock('temporal', async () => {
    if (find().kind !== 'missing') return;
    const target = cachedTemporalCli();
    const download = await step("Downloading the Temporal server with Temporal's SDK", () =>
      downloadWithSdk('dev-server', target),
    );
    if (download.ok) return;
    say(`  not reachable: ${download.why}`);
    await buildWithGo(target);
  });
}

/** @param {string} target */
async function buildWithGo(target) {
  const go = findOnPath('go');
  const version = go ? (await run(go, ['version'])).output : '';
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  if (!go || !(Number(major) > 1 || Number(minor) >= GO_MINOR_MIN)) {
    throw new Unprepared(
      `there is no Temporal server, its download cannot be reached, and ${go ? `${version} is too old` : 'Go is not installed'} ` +
        `to build one. Install the \`temporal\` command line (https://docs.temporal.io/cli) or Go 1.${GO_MINOR_MIN} or newer, ` +
        'or set TEMPORAL_ADDRESS to a server that runs.',
    );
  }
  await step('Building the Temporal server with Go (3 to 4 minutes on two cores, once)', async () => {
    mkdirSync(dirname(target), { recursive: true });
    const directory = mkdtempSync(join(dirname(target), '.build-'));
    try {
      const env = { ...process.env, GOBIN: directory };
      const { ok, output } = await run(go, ['install', CLI_MODULE], { env });
      if (!ok) {
        throw new Unprepared(
          `\`go install ${CLI_MODULE}\` failed. Install the \`temporal\` command line (https://docs.temporal.io/cli), ` +
            `or give Go access to its module proxy. It said:\n${tail(output)}`,
        );
      }
      renameSync(join(directory, process.platform === 'win32' ? 'temporal.exe' : 'temporal'), target);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
