/**
 * `npm test`: the types, the lint, the tests, each with its time. What is given on the command line goes
 * to the tests alone (`npm test -- test/vast`).
 *
 * Every step runs even when one before it failed, so that one run says everything; the last line is
 * always the count, in which a failed step is one failure.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BINARIES = join(ROOT, 'node_modules', '.bin');

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const [name, program, args] of /** @type {const} */ ([
  ['types', 'tsc', ['--noEmit']],
  ['types of the dashboard', 'tsc', ['--noEmit', '-p', 'src/dashboard']],
  ['lint', 'biome', ['check', '--error-on-warnings']],
])) {
  if (!(await step(name, program, [...args], process.env))) counts.failed += 1;
}
add(await runTests(process.argv.slice(2)));
console.log(closingLine());
process.exitCode = counts.failed > 0 ? 1 : 0;

/**
 * @param {string[]} args
 * @returns {Promise<typeof counts>}
 */
async function runTests(args) {
  const directory = mkdtempSync(join(tmpdir(), 'leash-test-'));
  const file = join(directory, 'counts.json');
  try {
    const environment = { ...process.env, LEASH_TEST_COUNTS_FILE: file };
    const passed = await step('tests', 'vitest', ['run', ...args], environment);
    const result = readCounts(file);
    // A runner that ends badly without a failure of its own (no tests, a broken set-up) has failed.
    return !passed && result.failed === 0 ? { ...result, failed: 1 } : result;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Also when the runner died before it wrote any.
 *
 * @param {string} file
 * @returns {typeof counts}
 */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** @param {typeof counts} more */
function add(more) {
  counts.passed += more.passed;
  counts.failed += more.failed;
  counts.skipped += more.skipped;
}

/** The same words as `test/support/closing-line.ts`. */
function closingLine() {
  const { passed, failed, skipped } = counts;
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * @param {string} name
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<boolean>} whether it passed
 */
function step(name, program, args, env) {
  const startedAtMs = Date.now();
  return new Promise((resolve) => {
    const child = spawn(join(BINARIES, program), args, { cwd: ROOT, env, stdio: 'inherit' });
    const finish = (/** @type {boolean} */ ok) => {
      console.log(`${name}: ${ok ? 'ok' : 'FAILED'} (${((Date.now() - startedAtMs) / 1_000).toFixed(1)} s)`);
      resolve(ok);
    };
    // A program that is not there is told by `error`, and then closed all the same.
    child.once('error', (error) => console.error(error.message));
    child.once('close', (code) => finish(code === 0));
  });
}
