/**
 * Makes this checkout ready to run: npm packages, Node 24, the built dashboard and a Temporal server; with
 * `--test` also the server that skips time, with `--production` also the server that a deployment runs. Silent when
 * there is nothing to do; otherwise it says what it does, and why.
 *
 * It runs on whatever Node the machine has (18 or newer), before anything is installed: plain
 * JavaScript, no dependency. Two runs at once wait for each other.
 */
import { ensureDashboard } from './setup/dashboard.mjs';
import { ensurePackages } from './setup/packages.mjs';
import { Unprepared } from './setup/progress.mjs';
import { ensureTemporal } from './setup/temporal.mjs';
import { ensureTemporalServer } from './setup/temporal-server.mjs';
import { ensureTimeSkippingServer } from './setup/time-skipping.mjs';

const isForTests = process.argv.includes('--test');
const isForProduction = process.argv.includes('--production');

try {
  await ensurePackages();
  await ensureDashboard();
  // Tests start a server of their own, whatever TEMPORAL_ADDRESS says.
  await ensureTemporal({ ignoreAddress: isForTests });
  if (isForTests) await ensureTimeSkippingServer();
  if (isForProduction) await ensureTemporalServer();
} catch (error) {
  if (!(error instanceof Unprepared)) throw error;
  console.error(`\nLeash cannot be set up: ${error.message}\n`);
  // The last line of a test run counts what failed, also where it did not come to the tests.
  if (isForTests) console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
