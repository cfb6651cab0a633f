import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aLaunch, startStack } from '../support/stack.ts';
import type { Order, Result } from './attackers.ts';
import { ATTACKS } from './attacks.ts';
import type { Target } from './client.ts';
import { type Memory, tableOf } from './table.ts';
import { askPolitely } from './well-behaved.ts';

/** `npm run load:hostile` takes its time; here is a look. */
const SECONDS = Number(process.env.LEASH_LOAD_SECONDS ?? 8);
const isLong = process.env.LEASH_LOAD_SECONDS !== undefined;
/** Above what it was before, while it lasts: with every attack at once, and a collector that has no hurry. */
const GROWN_MIB_MAX = 1_024;
/** Above what it was before of what is still in use; pages that the allocator keeps for the next time are not. */
const KEPT_MIB_MAX = 64;

test(
  'among clients that mean ill the well-behaved are all answered, and memory stays bounded',
  async () => {
    await using stack = await startStack();
    await stack.api.launched(aLaunch());
    await stack.api.ready('default');
    const server = await stack.serverProcess({
      NODE_OPTIONS: `--import=${new URL('./collect-on-signal.mjs', import.meta.url).href}`,
    });
    const target: Target = { port: Number(new URL(server.api.url).port), token: stack.token };
    await eventually('the second server serves the session too', async () => {
      const { body } = await server.api.admin<{ state: string }>('GET', 'vllm/status?session=default');
      return body.state === 'READY';
    });
    await askPolitely(target, times(6)); // Warm, so that what grows is not code.
    process.kill(server.pid, 'SIGUSR2');
    const before = await memoryOf(target);
    const most = { ...before };

    const attackers = new Worker(new URL('./attackers.ts', import.meta.url), {
      workerData: { target, isLong } satisfies Order,
    });
    const untilMs = Date.now() + SECONDS * 1_000;
    const asking = askPolitely(target, () => Date.now() >= untilMs);
    while (Date.now() < untilMs) {
      const now = await memoryOf(target);
      most.residentMib = Math.max(most.residentMib, now.residentMib);
      most.usedMib = Math.max(most.usedMib, now.usedMib);
      await pause(500);
    }
    const answered = await asking;
    const results = await stop(attackers);
    let afterwards = before;
    const isGivenBack = await eventually(
      'memory is given back',
      async () => {
        process.kill(server.pid, 'SIGUSR2');
        afterwards = await memoryOf(target);
        return afterwards.usedMib < before.usedMib + KEPT_MIB_MAX;
      },
      60_000,
    ).catch(() => false);
    const table = tableOf(results, answered, { before, most, afterwards });
    if (isLong) process.stdout.write(`${table}\n`);

    expect(answered.failures, table).toEqual([]);
    expect(Object.keys(answered.tookMs)).toHaveLength(3);
    expect(isGivenBack, table).toBe(true);
    expect(most.residentMib - before.residentMib, table).toBeLessThan(GROWN_MIB_MAX);
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

/** What the process holds of the machine, and what of that is in use. */
async function memoryOf({ port, token }: Target): Promise<Memory> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(30_000),
  });
  const text = await answer.text();
  const mib = (name: string): number => {
    const bytes = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
    if (bytes === undefined) throw new Error(`The server does not tell ${name}: ${answer.status}`);
    return Number(bytes) / 1_048_576;
  };
  const usedMib = mib('nodejs_heap_size_used_bytes') + mib('nodejs_external_memory_bytes');
  return { residentMib: mib('process_resident_memory_bytes'), usedMib };
}

/** What came of it, once the attackers have let go. */
function stop(attackers: Worker): Promise<Result[]> {
  return new Promise((resolve, reject) => {
    attackers.once('message', resolve);
    attackers.once('error', reject);
    attackers.postMessage('stop');
  });
}
