import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Order, Played } from './player.ts';
import type { Target } from './targets.ts';

export type FuzzOrder = {
  /** The module whose TARGETS are meant. */
  readonly module: string;
  readonly target: Target;
  readonly inputs: number;
  readonly seed: number;
  /** Where inputs that broke a parser once are kept; new ones are written there. */
  readonly cases?: string;
  /** An input that takes longer than this is one that hangs. */
  readonly hangMs?: number;
};
export type FuzzResult = Played & { readonly target: string; readonly seconds: number };

const INPUT_BYTES_MAX = 128 * 1_024;
const HANG_MS = 10_000;
/** No parser of ours keeps anything. */
export const HEAP_GROWTH_MIB_MAX = 48;

/** Plays inputs to one parser in a thread of its own, which is ended when one input does not come to an end. */
export async function fuzz({
  module,
  target,
  inputs,
  seed,
  cases,
  hangMs = HANG_MS,
}: FuzzOrder): Promise<FuzzResult> {
  const shared = new SharedArrayBuffer(8 + INPUT_BYTES_MAX);
  const startedMs = performance.now();
  const kept = cases === undefined ? [] : readCases(cases, target.name);
  const workerData: Order = { module, target: target.name, inputs, seed, shared, kept };
  const worker = new Worker(new URL('./player.ts', import.meta.url), { workerData });
  const played = await Promise.race([answerOf(worker), hangOf(shared, hangMs)]);
  await worker.terminate();
  if (played.finding !== null && cases !== undefined) keepCase(cases, target.name, played.finding.input);
  return { ...played, target: target.name, seconds: (performance.now() - startedMs) / 1_000 };
}

function answerOf(worker: Worker): Promise<Played> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** Resolves when one input has been in play for `hangMs`. */
function hangOf(shared: SharedArrayBuffer, hangMs: number): Promise<Played> {
  const [begun, length] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
  return new Promise((resolve) => {
    let before = 0;
    let sinceMs = performance.now();
    const look = setInterval(() => {
      const now = Atomics.load(begun, 0);
      // None has begun while the thread loads what it plays to.
      if (now !== before || now === 0) [before, sinceMs] = [now, performance.now()];
      if (performance.now() - sinceMs < hangMs) return;
      clearInterval(look);
      const input = Uint8Array.from(new Uint8Array(shared, 8, Atomics.load(length, 0)));
      const why = `It did not come to an end within ${hangMs} ms.`;
      resolve({ inputs: now, slowestMs: hangMs, heapGrowthMib: 0, finding: { input, why } });
    }, 200);
    look.unref();
  });
}

function readCases(directory: string, target: string): Uint8Array[] {
  const place = join(directory, folderOf(target));
  if (!existsSync(place)) return [];
  return readdirSync(place)
    .sort()
    .map((name) => readFileSync(join(place, name)));
}

function keepCase(directory: string, target: string, input: Uint8Array): void {
  const place = join(directory, folderOf(target));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, `${createHash('sha256').update(input).digest('hex').slice(0, 16)}.bin`), input);
}

function folderOf(target: string): string {
  return target.replaceAll(/[^a-zA-Z0-9]+/g, '-').toLowerCase();
}
