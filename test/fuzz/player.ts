import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { inputsLike } from './inputs.ts';
import type { Target } from './targets.ts';

/** In a thread: plays inputs to one target, and leaves each where the main thread can read it should it never return. */
export type Order = {
  readonly module: string;
  readonly target: string;
  readonly inputs: number;
  readonly seed: number;
  /** Holds what is played now: how many were begun, this one's length, its bytes. */
  readonly shared: SharedArrayBuffer;
  /** Played before any other. */
  readonly kept: readonly Uint8Array[];
};
export type Played = {
  readonly inputs: number;
  readonly slowestMs: number;
  readonly heapGrowthMib: number;
  readonly finding: { readonly input: Uint8Array; readonly why: string } | null;
};

const order = workerData as Order;
const { TARGETS } = (await import(order.module)) as { TARGETS: readonly Target[] };
const target = TARGETS.find(({ name }) => name === order.target);
if (target === undefined) throw new Error(`There is no target ${order.target}.`);
parentPort?.postMessage(play(target));

function play({ seeds, take }: Target): Played {
  const head = new Int32Array(order.shared, 0, 2);
  const bytes = new Uint8Array(order.shared, 8);
  let inputs = 0;
  let slowestMs = 0;
  const playOne = (input: Buffer) => {
    const shown = input.subarray(0, bytes.length);
    bytes.set(shown);
    head[1] = shown.length;
    Atomics.add(head, 0, 1);
    const startedMs = performance.now();
    take(input);
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    inputs += 1;
  };
  for (const kept of order.kept) {
    const why = whyNot(playOne, Buffer.from(kept));
    if (why !== null) return { inputs, slowestMs, heapGrowthMib: 0, finding: { input: kept, why } };
  }
  const arbitrary = inputsLike(seeds);
  const property = fc.property(arbitrary, playOne);
  // A first share warms the code up, so that what grows afterwards is kept, not compiled.
  const shares = [Math.ceil(order.inputs * 0.2), order.inputs - Math.ceil(order.inputs * 0.2)];
  const heaps: number[] = [];
  for (const [nth, numRuns] of shares.entries()) {
    const seen = fc.check(property, { numRuns, seed: order.seed + nth, verbose: 0 });
    if (seen.failed) {
      const input = seen.counterexample?.[0] ?? Buffer.alloc(0);
      return { inputs, slowestMs, heapGrowthMib: 0, finding: { input, why: String(seen.errorInstance) } };
    }
    globalThis.gc?.();
    heaps.push(process.memoryUsage().heapUsed);
  }
  const [warm = 0, last = 0] = heaps;
  return { inputs, slowestMs, heapGrowthMib: (last - warm) / 1_048_576, finding: null };
}

function whyNot(playOne: (input: Buffer) => void, input: Buffer): string | null {
  try {
    playOne(input);
    return null;
  } catch (error) {
    return String(error);
  }
}
