import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aLaunch, startStack } from '../support/stack.ts';
import type { Order, Result } from './attackers.ts';
import { ATTACKS } from './attacks.ts';
import type { Target } from './client.ts';
import { tableOf } from './table.ts';
import { askPolitely } from './well-behaved.ts';

/** `npm run load:hostile` takes its time; here is a look. */
const SECONDS = Number(process.env.LEASH_LOAD_SECONDS ?? 8);
const isLong = process.env.LEASH_LOAD_SECONDS !== undefined;
/** Above what it was before; buffers of a moment are given back at the collector's leisure. */
const KEPT_MIB_MAX = 256;

test(
  'among clients that mean ill the well-behaved are all answered, and memory stays bounded',
  async () => {
    await using stack = await startStack();
    await stack.api.launched(aLaunch());
    await stack.api.ready('default');
    const server = await stack.serverProcess();
    const target: Target = { port: Number(new URL(server.api.url).port), token: stack.token };
    await eventually('the second server serves the session too', async () => {
      const { body } = await server.api.admin<{ state: string }>('GET', 'vllm/status?session=default');
      return body.state === 'READY';
    });
    await askPolitely(target, times(6)); // Warm, so that what grows is not code.
    const memory: Record<string, number> = { before: await residentMib(target) };

    const attackers = new Worker(new URL('./attackers.ts', import.meta.url), {
      workerData: { target, isLong } satisfies Order,
    });
    const untilMs = Date.now() + SECONDS * 1_000;
    const asking = askPolitely(target, () => Date.now() >= untilMs);
    while (Date.now() < untilMs) {
      memory.most = Math.max(memory.most ?? 0, await residentMib(target));
      await pause(500);
    }
    const answered = await asking;
    const results = await stop(attackers);
    memory.afterwards = await eventually(
      'memory is given back',
      async () => {
        const mib = await residentMib(target);
        return mib < (memory.before ?? 0) + KEPT_MIB_MAX ? mib : null;
      },
      60_000,
    );
    const table = tableOf(results, answered, memory);
    if (isLong) process.stdout.write(`${table}\n`);

    expect(answered.failures, table).toEqual([]);
    expect(Object.keys(answered.tookMs)).toHaveLength(3);
    for (const { name, expected, answersMax = Number.POSITIVE_INFINITY } of ATTACKS) {
      const result = results.find((each) => each.name === name);
      expect(result?.connections, name).toBeGreaterThan(0);
      expect(
        Object.keys(result?.answers ?? {}).filter((status) => !expected.test(status)),
        name,
      ).toEqual([]);
      expect(result?.answersMax, name).toBeLessThanOrEqual(answersMax);
    }
  },
  (SECONDS + 240) * 1_000,
);

function times(count: number): () => boolean {
  let left = count;
  return () => {
    left -= 1;
    return left < 0;
  };
}

async function residentMib({ port, token }: Target): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(30_000),
  });
  const bytes = /^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m.exec(await answer.text())?.[1];
  if (bytes === undefined) throw new Error(`The server does not tell its memory: ${answer.status}`);
  return Number(bytes) / 1_048_576;
}

/** What came of it, once the attackers have let go. */
function stop(attackers: Worker): Promise<Result[]> {
  return new Promise((resolve, reject) => {
    attackers.once('message', resolve);
    attackers.once('error', reject);
    attackers.postMessage('stop');
  });
}
