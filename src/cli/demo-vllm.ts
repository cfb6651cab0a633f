import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ReceiptAnswer, StatusAnswer } from '../admin/answers.ts';
import { printLines } from './call-options.ts';
import { chat, holdAgainstBooks, launchAndWatch, SESSION, showStatus, watchTheEnd } from './demo/scenes.ts';
import { play, type Stage, scene } from './demo/stage.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { duration } from './text.ts';

/**
 * `npm run demo:vllm`: the main job with a real vLLM (on the CPU, with a tiny model of random weights), run
 * by the instance's own start script. It shows that readiness, streaming, idleness and the end hold with
 * the program itself, not only with a look-alike.
 */
async function demoVllm(): Promise<number> {
  await prepareVllm();
  // What the market's containers are started with: the real vllm before the market's own.
  process.env.PATH = [join(VENV, 'bin'), process.env.PATH ?? ''].join(delimiter);
  Object.assign(process.env, { VLLM_CPU_KVCACHE_SPACE: '1', HF_HUB_OFFLINE: '1', VLLM_NO_USAGE_STATS: '1' });
  return play({
    title: 'leash with a real vLLM on the CPU',
    timeoutMs: 15 * 60_000,
    settings: QUICK,
    simulator: { timeScale: 60, seed: 7, backend: 'process' },
    act: mainJob,
  });
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const VLLM_HOME = resolve(ROOT, '.leash/vllm-cpu');
const VENV = join(VLLM_HOME, 'venv');
const MODEL = join(VLLM_HOME, 'tiny-model');
const SCRIPTS = join(ROOT, 'scripts/vllm-cpu');

const KEEP_ALIVE_MINUTES = 0.5;
const QUICK = {
  LEASH_RATE_SCALE: '0',
  LEASH_DRAIN_SECONDS: '2',
  LEASH_METER_SECONDS: '5',
  VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '2',
};

async function mainJob(stage: Stage): Promise<void> {
  const ready = await launchAndWatch(
    stage,
    {
      session: SESSION,
      model: MODEL,
      keep_alive_minutes: KEEP_ALIVE_MINUTES,
      gpu_ram_gib: 8,
      vllm_args: [
        ...['--load-format', 'dummy', '--dtype', 'float32', '--max-model-len', '512'],
        '--enforce-eager',
      ],
    },
    10 * 60_000,
  );
  const runningBefore = processesOf(ready.attempts.map((attempt) => attempt.label));
  if (process.platform === 'linux' && runningBefore.length === 0)
    throw new CommandError(
      EXIT.failed,
      'No process of the instance is to be seen: its end could not be either.',
    );
  printLines([`  ${runningBefore.length} processes of the instance run here`]);
  await chat(stage, 'Hello', 48);
  await seeUseCounted(stage, ready);
  scene(`idle: nobody calls, and after ${duration(KEEP_ALIVE_MINUTES * 60_000)} the session ends itself`);
  const receipt = await watchTheEnd(stage, 180_000);
  if (receipt.reason !== 'idle')
    throw new CommandError(
      EXIT.failed,
      `It ended as ${receipt.outcome} (${receipt.reason}), not for idleness.`,
    );
  await seeProcessesGone(receipt, ready);
  await holdAgainstBooks(stage, receipt, 20_000);
}

/** The keep-alive deadline moves because vLLM's own counter moved: nothing else told the session of the call. */
async function seeUseCounted(stage: Stage, before: StatusAnswer): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (Date.now() < deadlineMs) {
    const { value } = await stage.api.status(SESSION);
    const movedMs = Date.parse(value.keep_alive_until ?? '') - Date.parse(before.keep_alive_until ?? '');
    if (value.last_used_at !== null && movedMs > 0) {
      await showStatus(stage);
      printLines(['', `  vLLM's counters tell of the call: keep-alive moved by ${duration(movedMs)}`]);
      return;
    }
    await delay(500);
  }
  throw new CommandError(EXIT.failed, 'The call was not seen in vLLM’s counters within 20 s.');
}

async function seeProcessesGone(receipt: ReceiptAnswer, ready: StatusAnswer): Promise<void> {
  const { hostname, port } = new URL(ready.endpoint ?? '');
  if (await isListening(hostname, Number(port)))
    throw new CommandError(EXIT.failed, `${hostname}:${port} still listens after the instance is gone.`);
  const left = processesOf(receipt.instances.map((instance) => instance.label));
  if (left.length > 0)
    throw new CommandError(EXIT.failed, `Processes of the instance are left: ${left.join(', ')}.`);
  printLines(['', '  Its port is closed and none of its processes is left.']);
}

/** Processes started for an instance, known by the label that the market put into their environment. */
function processesOf(labels: readonly string[]): number[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => labels.some((label) => environmentOf(pid).includes(`LEASH_LABEL=${label}`)))
    .map(Number);
}

/** Empty for processes that are gone or another user's. */
function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

async function isListening(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: 2_000 });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Its set-up leaves alone what stands, and completes what was cut short. */
async function prepareVllm(): Promise<void> {
  if (!existsSync(join(VENV, 'bin/vllm')))
    printLines([`Installing vLLM's CPU build into ${VENV}: about 4 minutes and 6 GB, once.`]);
  await run('bash', [join(SCRIPTS, 'setup.sh'), VENV, MODEL]);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}.`);
}

if (import.meta.main) process.exitCode = await demoVllm();
