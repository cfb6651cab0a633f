#!/usr/bin/env node
/**
 * Runs the command line under Node 24, whatever Node the machine's own is: the project brings one as the
 * dev dependency `node`. Plain JavaScript, for the Node that starts this may be too old for the rest.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 24;
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MAIN = join(ROOT, 'src', 'cli', 'main.ts');

const node = findNode();
if (node) {
  runCommandLine(node);
} else {
  console.error(
    `leash needs Node ${NODE_MAJOR_MIN} or newer, and this is ${process.version}. ` +
      `Run \`node scripts/setup.mjs\` in ${ROOT}: it brings its own.`,
  );
  process.exitCode = 1;
}

/** @returns {string | null} */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath;
  const own = join(ROOT, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(own) ? own : null;
}

/**
 * Always a process of its own, so that the command line is the program Node was started with, under
 * any Node. It gets our signals, and ends us as it ended.
 *
 * @param {string} path
 */
function runCommandLine(path) {
  const child = spawn(path, [MAIN, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])) {
    process.on(signal, () => {
      if (!isFromTerminal(signal)) child.kill(signal);
    });
  }
  child.once('error', (error) => {
    console.error(`leash cannot run ${path}: ${error.message}`);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    if (!signal) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * A terminal sends Ctrl-C to us and to the child. Passing it on would make it two, and a second Ctrl-C
 * asks for more than the first.
 *
 * @param {NodeJS.Signals} signal
 */
function isFromTerminal(signal) {
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  return Boolean(atTerminal) && (signal === 'SIGINT' || signal === 'SIGQUIT');
}
