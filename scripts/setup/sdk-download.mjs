/**
 * Has Temporal's SDK download one of its servers into a directory, by starting it once.
 * Run by `download.mjs` as a process of its own, so that a download that never answers can be ended.
 *
 * Usage: node sdk-download.mjs dev-server|time-skipping DIRECTORY
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [kind, downloadDir] = process.argv.slice(2);
const server = { executable: { type: 'cached-download', downloadDir } };
const environment =
  kind === 'time-skipping'
    ? await TestWorkflowEnvironment.createTimeSkipping({ server })
    : await TestWorkflowEnvironment.createLocal({ server });
await environment.teardown();
process.exit(0);
