import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROJECT_NODE } from './packages.mjs';
import { run, tail } from './progress.mjs';

const ANSWER_TIMEOUT_MS = 10_000;
const PROGRAM_BYTES_MIN = 1_000_000;

/**
 * Temporal's own download of a server, through its SDK, put at `target`.
 *
 * It must begin within ten seconds, and never stand still for as long: many networks drop what they do not allow
 * instead of refusing it.
 *
 * @param {'dev-server' | 'time-skipping'} kind
 * @param {string} target
 * @returns {Promise<{ ok: true } | { ok: false, why: string }>}
 */
export async function downloadWithSdk(kind, target) {
  mkdirSync(dirname(target), { recursive: true });
  const directory = mkdtempSync(join(dirname(target), '.download-'));
  const silence = new AbortController();
  const watch = endWhenStill(directory, silence);
  try {
    const script = join(dirname(fileURLToPath(import.meta.url)), 'sdk-download.mjs');
    const { ok, output } = await run(PROJECT_NODE, [script, kind, directory], { signal: silence.signal });
    if (silence.signal.aborted) return { ok: false, why: `no answer for ${ANSWER_TIMEOUT_MS / 1_000} s` };
    const program = programIn(directory);
    if (!ok || !program) return { ok: false, why: firstError(output) };
    chmodSync(program, 0o755);
    renameSync(program, target);
    return { ok: true };
  } finally {
    clearInterval(watch);
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * @param {string} directory
 * @param {AbortController} silence
 */
function endWhenStill(directory, silence) {
  let bytes = 0;
  let movedAtMs = Date.now();
  return setInterval(() => {
    const now = bytesIn(directory);
    if (now !== bytes) movedAtMs = Date.now();
    bytes = now;
    // The whole program is there: what goes on is its first start, which is not the network's doing.
    if (programIn(directory) && Date.now() - movedAtMs < 60_000) return;
    if (Date.now() - movedAtMs > ANSWER_TIMEOUT_MS) silence.abort();
  }, 500);
}

/** @param {string} directory */
function bytesIn(directory) {
  return filesIn(directory).reduce((sum, file) => sum + file.bytes, 0);
}

/** @param {string} directory */
function programIn(directory) {
  const complete = filesIn(directory).filter(
    ({ path, bytes }) => bytes > PROGRAM_BYTES_MIN && !/download/.test(path.slice(directory.length)),
  );
  return complete[0]?.path ?? null;
}

/** @param {string} directory */
function filesIn(directory) {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() ? [{ path, bytes: stat.size }] : [];
  });
}

/** @param {string} output */
function firstError(output) {
  const said = /(?:Error|error): (.+)/.exec(output)?.[1] ?? tail(output);
  return said.slice(0, 160);
}
