import { readFile, writeFile } from 'node:fs/promises';
import type { Benchmark } from './config.ts';
import type { Payload } from './types.ts';
import { workloadOf } from './workloads.ts';

export type BenchmarkOrder = {
  readonly benchmark: Benchmark;
  /** Where the result of an earlier run is, and this one's goes. */
  readonly file: string;
  /** One request at the model, to the last byte of its answer; the status. Rejects where there was none. */
  readonly send: (route: string, payload: Payload) => Promise<number>;
  readonly onRound?: (loadPerSecond: number) => void;
};

/** No request of a round was answered with 200. */
export class BenchmarkFailed extends Error {
  constructor() {
    super('No successful responses from benchmark');
    this.name = 'BenchmarkFailed';
  }
}

/** Load per second: as given, as saved by an earlier run, or of the best round. Throws a `BenchmarkFailed`. */
export async function runBenchmark(order: BenchmarkOrder): Promise<number> {
  const { benchmark, file, onRound = () => {} } = order;
  if (benchmark.kind === 'fixed') return benchmark.loadPerSecond;
  const saved = await savedResult(file);
  if (saved !== null) return saved;
  if (benchmark.warmUp) await round({ ...order, benchmark, requests: 1 });
  let best = 0;
  for (let nth = 0; nth < benchmark.runs; nth += 1) {
    const found = await round({ ...order, benchmark, requests: benchmark.concurrency });
    if (found === null) throw new BenchmarkFailed();
    onRound(found);
    best = Math.max(best, found);
  }
  await writeFile(file, String(best));
  return best;
}

type Measured = Extract<Benchmark, { kind: 'measured' }>;

/** Load per second of so many requests at once; null when none was answered with 200. */
async function round({
  benchmark: { handler, payload },
  send,
  requests,
}: Pick<BenchmarkOrder, 'send'> & { benchmark: Measured; requests: number }): Promise<number | null> {
  const beganMs = performance.now();
  const loads = await Promise.all(
    Array.from({ length: requests }, async () => {
      const asked = payload();
      const parsed = handler.requestParser?.(asked) ?? asked;
      const status = await send(handler.route, parsed).catch(() => 0);
      return status === 200 ? workloadOf(handler.workloadCalculator, parsed) : null;
    }),
  );
  const done = loads.filter((load) => load !== null);
  if (done.length === 0) return null;
  const seconds = Math.max(performance.now() - beganMs, 0.001) / 1_000;
  return done.reduce((sum, load) => sum + load, 0) / seconds;
}

async function savedResult(file: string): Promise<number | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const result = Number.parseFloat(text.split('\n')[0] ?? '');
  return Number.isFinite(result) && result > 0 ? result : null;
}
