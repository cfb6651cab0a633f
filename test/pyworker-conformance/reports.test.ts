import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Engine, startEngine } from './engine.ts';
import { exchange } from './exchange.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { LOADED_LINE, MAX_PERF, PUBLIC_URL, type RunningWorker, startWorker } from './workers.ts';

/** How long the engine fails; `LEASH_CONFORMANCE_OUTAGE_SECONDS=60` is the whole minute. */
const OUTAGE_SECONDS = Number(process.env.LEASH_CONFORMANCE_OUTAGE_SECONDS ?? 5);

describe('what the engine is told, and when', () => {
  let engine: Engine;
  let model: ModelServer;
  let nextId = 11;
  beforeAll(async () => {
    engine = await startEngine();
    model = await startModelServer();
  });
  afterAll(async () => {
    await model?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  test('ready is told within a second of the load line and the benchmark', { retry: 2 }, async () => {
    const id = nextId++;
    await using worker = await startWorker({
      kind: 'ours',
      id,
      engine,
      modelPort: model.port,
      modelLog: 'INFO loading\n',
      savedBenchmark: null,
    });
    const { reports, reportedAtMs } = engine.book(id);
    // Past its first report the official worker keeps what is new for the next, ten seconds later.
    await eventually('the worker reports that it is loading', () => reports.length > 0);
    appendFileSync(worker.modelLog, LOADED_LINE);
    const loggedAtMs = performance.now();
    const index = await eventually('the worker is ready', () => {
      const found = reports.findIndex(({ loadtime }) => loadtime > 0);
      return found === -1 ? null : [found];
    });
    const readyAtMs = reportedAtMs[index[0] ?? 0] ?? 0;
    // The benchmark's own time is in this second too: its model answers at once.
    expect(readyAtMs - loggedAtMs).toBeLessThan(1_000);
    expect(reports[index[0] ?? 0]).toMatchObject({ error_msg: '', max_perf: expect.any(Number) });
    expect(reports[index[0] ?? 0]?.max_perf).not.toBe(MAX_PERF);
    expect(reports[index[0] ?? 0]?.max_perf).toBeGreaterThan(0);
  });

  test(`nothing is lost while the engine answers 500 for ${OUTAGE_SECONDS} s`, {
    timeout: 60_000 + OUTAGE_SECONDS * 1_000,
  }, async () => {
    const id = nextId++;
    await using worker = await startWorker({ kind: 'ours', id, engine, modelPort: model.port });
    const { reports, retired, refused } = engine.book(id);
    let loadAsked = 0;
    const before = reports.length;
    const indexes: number[] = [];
    const ask = async (load: number) => {
      loadAsked += load;
      indexes.push(indexes.length + 1);
      expect(await askOnce(engine, worker, { index: indexes.length, load })).toBe(200);
    };

    await ask(1);
    engine.refuse(500);
    const untilMs = performance.now() + OUTAGE_SECONDS * 1_000;
    while (performance.now() < untilMs) {
      await ask(10);
      await pause(100);
    }
    expect(refused.status).toBeGreaterThan(0);
    expect(refused.retired).toBeGreaterThan(0);
    engine.refuse(null);
    await ask(100);

    await eventually(
      'every request is retired',
      () => new Set(retired.map(({ request_idx }) => request_idx)).size === indexes.length,
      { withinMs: 30_000, everyMs: 50 },
    );
    const sumOf = (name: 'new_load' | 'cur_perf') =>
      reports.slice(before).reduce((sum, report) => sum + report[name], 0);
    await eventually('all load is told', () => sumOf('cur_perf') >= loadAsked, 30_000);
    expect(sumOf('new_load')).toBe(loadAsked);
    expect(sumOf('cur_perf')).toBe(loadAsked);
    expect(retired.map(({ request_idx }) => request_idx).sort((a, b) => a - b)).toEqual(indexes);
  });
});

/** The status of one request of this load. */
async function askOnce(
  engine: Engine,
  worker: RunningWorker,
  { index, load }: { index: number; load: number },
): Promise<number | undefined> {
  const auth_data = {
    cost: load,
    endpoint: 'conformance',
    reqnum: index,
    request_idx: index,
    signature: engine.sign(PUBLIC_URL),
    url: PUBLIC_URL,
  };
  const body = JSON.stringify({ auth_data, payload: { workload: load } });
  const head = `POST /parallel HTTP/1.1\r\nhost: worker\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return (await exchange(worker.port, head + body).answer)?.status;
}
