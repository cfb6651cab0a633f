import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/** What a run came to. `failed` counts whatever kept a test from passing, tests or not. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Prints `N passed, N failed` as the very last line of a run.
 *
 * A file that could not be collected, a suite whose hook failed and an error that nobody caught count
 * as one failure each: a run in which something broke must never read `0 failed`.
 *
 * Under `scripts/test.mjs`, which has other steps to count, the counts go to the file it names instead.
 */
export default class ClosingLine implements Reporter {
  #counts: Counts = { passed: 0, failed: 1, skipped: 0 };
  #file = process.env.LEASH_TEST_COUNTS_FILE;

  onInit(): void {
    // Other reporters and a failing global set-up print after the run has ended, but not after this.
    if (!this.#file) process.once('exit', () => process.stdout.write(`${closingLine(this.#counts)}\n`));
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    this.#counts = countResults(modules, unhandledErrors.length);
    // A global set-up that throws ends the run with no test and no error to count; so does an interrupt.
    const isBroken = reason !== 'passed' || modules.length === 0;
    if (isBroken && this.#counts.failed === 0) this.#counts.failed = 1;
    if (this.#file) writeFileSync(this.#file, JSON.stringify(this.#counts));
  }
}

export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function countResults(modules: readonly TestModule[], unhandledErrors: number): Counts {
  const counts: Counts = { passed: 0, failed: unhandledErrors, skipped: 0 };
  for (const module of modules) {
    if (module.errors().length > 0) counts.failed += 1;
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0) counts.failed += 1;
    }
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed += 1;
      else if (state === 'skipped') counts.skipped += 1;
      else counts.failed += 1;
    }
  }
  return counts;
}
