import { spawn } from 'node:child_process';

/** Something that set-up needs and cannot bring about; its message says what to install. */
export class Unprepared extends Error {}

/**
 * Says what is being done, now and then that it still is, and how long it took.
 *
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(what, work) {
  const startedAtMs = Date.now();
  say(`${what} …`);
  const reminder = setInterval(() => say(`  still at it after ${since(startedAtMs)}`), 30_000);
  try {
    const result = await work();
    say(`  done in ${since(startedAtMs)}`);
    return result;
  } finally {
    clearInterval(reminder);
  }
}

/** @param {string} line */
export function say(line) {
  console.log(`[setup] ${line}`);
}

/**
 * Runs a program to its end. Its output is kept, and returned at the end: it is only of interest when
 * it fails.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal }} [options]
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (/** @type {Buffer} */ chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ ok: false, output: error.message }));
    child.once('close', (code) => resolve({ ok: code === 0, output: output.trim() }));
  });
}

/**
 * The end of what a program said, indented, for the sentence that tells of its failure.
 *
 * @param {string} output
 */
export function tail(output) {
  return indented(output.split('\n').slice(-12));
}

/**
 * Its beginning: npm says first what is wrong, and then how it is used.
 *
 * @param {string} output
 */
export function head(output) {
  return indented(output.split('\n').slice(0, 8));
}

/** @param {string[]} lines */
function indented(lines) {
  return lines.map((line) => `    ${line}`).join('\n');
}

/** @param {number} startedAtMs */
function since(startedAtMs) {
  const seconds = (Date.now() - startedAtMs) / 1_000;
  return seconds < 60
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
