/**
 * `npm run bench:launch -- --sessions 100`: how many launches become READY when each host fails with a given chance.
 *
 * Every variant has a simulated market, a Temporal server and a worker of its own. Hosts are drawn one by one,
 * seeded: anew for each session, so that nothing learnt from one helps the next; or once for all, as in life,
 * where a bad machine stays bad and the memory of machines has something to remember. A bad host has one of the
 * troubles that hosts have; calls and everything else of the market work.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openLog } from '../src/cli/compose/log.ts';
import { compose } from '../src/cli/compose.ts';
import { isSettled, readBooks } from '../src/cli/demo/books.ts';
import { connectAdmin } from '../src/cli/http.ts';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '100' },
    together: { type: 'string', default: '5' },
    'fail-percent': { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    'time-scale': { type: 'string', default: '120' },
    /** Which variants, by number; all of them when left out. */
    only: { type: 'string' },
  },
});
const SESSIONS = Number(values.sessions);
const FAIL_SHARE = Number(values['fail-percent']) / 100;
const TIME_SCALE = Number(values['time-scale']);
/** What a launch must keep where it may try again. */
const GOAL = 0.95;
const SESSION_MS = 600_000;

/** What is wrong with bad hosts, each for good; some show at once, some only when their time is over. */
const TROUBLES = [
  { fault: 'cdi-error' },
  { fault: 'cdi-error' },
  { fault: 'oci-error' },
  { fault: 'driver-too-old' },
  { fault: 'stuck-loading' },
  { fault: 'port-missing' },
  { fault: 'port-unreachable' },
  { fault: 'vllm-never-ready' },
  { fault: 'health-only' },
  { fault: 'exits', seconds: 0 },
  { fault: 'overcharged' },
];

/** @typedef {{ name: string, hosts: 'anew' | 'stay', hedge: number, maxAttempts: number, isHeldToGoal: boolean }} Variant */
/** @type {Variant[]} */
const VARIANTS = [
  { name: 'one host, no retry', hosts: 'anew', hedge: 1, maxAttempts: 1, isHeldToGoal: false },
  { name: 'retries, hosts drawn anew', hosts: 'anew', hedge: 1, maxAttempts: 10, isHeldToGoal: true },
  { name: 'retries, hedge 2, drawn anew', hosts: 'anew', hedge: 2, maxAttempts: 10, isHeldToGoal: true },
  { name: 'retries, memory, hosts stay', hosts: 'stay', hedge: 1, maxAttempts: 10, isHeldToGoal: true },
  { name: 'hedge 2, memory, hosts stay', hosts: 'stay', hedge: 2, maxAttempts: 10, isHeldToGoal: true },
];

console.log(
  `${SESSIONS} sessions a variant, ${values.together} at once, seed ${values.seed}; each host fails with a chance of ${values['fail-percent']} %, machines ${TIME_SCALE} times as fast`,
);
const only = values.only?.split(',').map(Number);
let isKept = true;
for (const [index, variant] of VARIANTS.entries()) {
  if (only !== undefined && !only.includes(index + 1)) continue;
  const results = await runVariant(variant);
  report(variant, results);
  isKept &&= !variant.isHeldToGoal || shareReady(results) >= GOAL;
}
console.log(`goal (READY ≥ ${GOAL * 100} % with retries): ${isKept ? 'kept' : 'MISSED'}`);
process.exitCode = isKept ? 0 : 1;

/** @param {Variant} variant */
async function runVariant(variant) {
  const home = mkdtempSync(join(tmpdir(), 'leash-launch-'));
  const running = await compose({
    environment: {
      LEASH_HOME: home,
      LEASH_PORT: '0',
      LEASH_SIMULATOR_PORT: '0',
      LEASH_TEMPORAL_PORT: '0',
      LEASH_TEMPORAL_UI_PORT: '0',
      LEASH_RATE_SCALE: '0',
      LEASH_DRAIN_SECONDS: '0',
      LEASH_METER_SECONDS: '2',
      LEASH_SETTLE_SECONDS: '5',
      LEASH_TEARDOWN_MARGIN_SECONDS: '20',
      LEASH_MAX_ATTEMPTS: String(variant.maxAttempts),
      // Half an hour at the machines' pace.
      VASTAI_MAX_STARTUP_TIME_MINUTES: String(30 / TIME_SCALE),
      VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '2',
      VASTAI_BUDGET_LIMIT: '100000',
    },
    market: 'simulated',
    ownTemporal: true,
    simulator: { timeScale: TIME_SCALE, seed: Number(values.seed), profile: 'calm' },
    logger: openLog({ home: join(home, 'simulated'), level: 'warn', print: null }),
  });
  try {
    const bench = await openBench(running, variant);
    return await bench.runAll();
  } finally {
    await running.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/**
 * @param {Awaited<ReturnType<typeof compose>>} running
 * @param {Variant} variant
 */
async function openBench(running, variant) {
  const marketUrl = running.market.url;
  const { adminToken, owner } = running.installation;
  const api = connectAdmin({ url: running.apiUrl, tokens: [{ value: adminToken, from: 'this bench' }] });
  await control(marketUrl, 'credit', { usd: 100_000 });
  const machineIds = await readMachineIds(marketUrl);
  if (variant.hosts === 'stay') await control(marketUrl, 'faults', { add: troublesOf(machineIds, 'all') });

  /** @param {number} index */
  async function runOne(index) {
    const session = `s${index}`;
    if (variant.hosts === 'anew') {
      const label_prefix = `leash.${owner}.${session}.`;
      const add = troublesOf(machineIds, session).map((trouble) => ({ ...trouble, label_prefix }));
      await control(marketUrl, 'faults', { add });
    }
    await api.launch({ session, hedge: variant.hedge, keep_alive_minutes: 10 });
    const ready = await readyOf(session);
    if (ready !== null) await api.destroy({ session, waitSeconds: 0 });
    const receipt = await receiptOf(session);
    const contracts = await booksOf(new Set(receipt.instances.map(({ label }) => label)));
    const wasted = contracts.filter(({ id }) => id !== ready?.instance_id);
    return {
      index,
      isReady: ready !== null,
      why: ready === null ? receipt.reason : null,
      hosts: contracts.length,
      seconds:
        receipt.ready_at === null
          ? null
          : (Date.parse(receipt.ready_at) - Date.parse(receipt.started_at)) / 1_000,
      wastedUsd: sum(wasted.map(({ usd }) => usd.total)),
      // The books run by the clock on the wall: at the machines' own pace a boot's GPU and disk cost this many times more.
      wastedAtPaceUsd: sum(wasted.map(({ usd }) => usd.bandwidth + (usd.gpu + usd.disk) * TIME_SCALE)),
    };
  }

  /** @param {string} session */
  async function readyOf(session) {
    const untilMs = Date.now() + SESSION_MS;
    while (Date.now() < untilMs) {
      const status = (await api.status(session)).value;
      if (status.state === 'READY') return status;
      if (status.outcome !== null) return null;
      await pause(300);
    }
    throw new Error(`${session} is neither READY nor over after ${SESSION_MS / 1_000} s`);
  }

  /** @param {string} session */
  async function receiptOf(session) {
    const untilMs = Date.now() + SESSION_MS;
    while (Date.now() < untilMs) {
      const { receipt } = (await api.status(session)).value;
      if (receipt !== null) return receipt;
      await pause(500);
    }
    throw new Error(`${session} has no receipt after ${SESSION_MS / 1_000} s`);
  }

  /** @param {Set<string>} labels */
  async function booksOf(labels) {
    const untilMs = Date.now() + SESSION_MS;
    let books = await readBooks(marketUrl);
    while (!isSettled(books, labels) && Date.now() < untilMs) {
      await pause(1_000);
      books = await readBooks(marketUrl);
    }
    return books.contracts.filter(({ label }) => label !== null && labels.has(label));
  }

  return {
    async runAll() {
      const waiting = Array.from({ length: SESSIONS }, (_, index) => index);
      /** @type {Awaited<ReturnType<typeof runOne>>[]} */
      const results = [];
      await Promise.all(
        Array.from({ length: Number(values.together) }, async () => {
          for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
            results.push(await runOne(index));
            if (process.stderr.isTTY) process.stderr.write(`\r${results.length}/${SESSIONS} `);
          }
        }),
      );
      if (process.stderr.isTTY) process.stderr.write('\r');
      return results.sort((a, b) => a.index - b.index);
    },
  };
}

/** @typedef {Awaited<ReturnType<Awaited<ReturnType<typeof openBench>>['runAll']>>} Results */

/**
 * @param {Variant} variant
 * @param {Results} results
 */
function report(variant, results) {
  const ready = results.filter(({ isReady }) => isReady);
  const seconds = ready.flatMap((result) => result.seconds ?? []);
  const hosts = Map.groupBy(ready, (result) => result.hosts);
  const spread = [...hosts].sort(([a], [b]) => a - b).map(([count, all]) => `${count}: ${all.length}`);
  const wasted = results.map(({ wastedUsd }) => wastedUsd);
  const atPace = results.map(({ wastedAtPaceUsd }) => wastedAtPaceUsd);
  console.log(
    [
      '',
      `${variant.name}`,
      `  READY              ${(shareReady(results) * 100).toFixed(1)} % (${ready.length} of ${results.length})`,
      `  hosts rented       ${spread.join(', ')}; mean ${mean(ready.map((result) => result.hosts)).toFixed(2)}`,
      `  seconds to READY   p50 ${quantile(seconds, 0.5).toFixed(1)}, p90 ${quantile(seconds, 0.9).toFixed(1)}, most ${Math.max(...seconds).toFixed(1)}`,
      `  wasted a session   ${dollars(mean(wasted))} by the books, p90 ${dollars(quantile(wasted, 0.9))}; at the machines' pace ${dollars(mean(atPace))}, p90 ${dollars(quantile(atPace, 0.9))}`,
      ...(variant.hosts === 'stay' ? learnt(results) : []),
      ...reasons(results),
    ].join('\n'),
  );
}

/**
 * What memory changes: the same of the first and the last fifth.
 *
 * @param {Results} results
 */
function learnt(results) {
  const fifth = Math.max(1, Math.floor(results.length / 5));
  const of = (/** @type {Results} */ some) =>
    `READY ${(shareReady(some) * 100).toFixed(0)} %, ${mean(some.map(({ hosts }) => hosts)).toFixed(2)} hosts, ${dollars(mean(some.map(({ wastedAtPaceUsd }) => wastedAtPaceUsd)))} wasted at pace`;
  return [
    `  first ${fifth}           ${of(results.slice(0, fifth))}`,
    `  last ${fifth}            ${of(results.slice(-fifth))}`,
  ];
}

/** @param {Results} results */
function reasons(results) {
  const failed = Map.groupBy(
    results.filter(({ isReady }) => !isReady),
    ({ why }) => why?.replaceAll(/\(.*/gs, '').trim() ?? 'unknown',
  );
  return [...failed].map(([why, all]) => `  not READY          ${all.length}: ${why}`);
}

/**
 * The machines that are drawn bad, each with its trouble: the same for the same seed and name.
 *
 * @param {readonly number[]} machineIds
 * @param {string} name
 */
function troublesOf(machineIds, name) {
  return machineIds.flatMap((machineId) => {
    const random = seeded(`${values.seed}/${name}/${machineId}`);
    if (random() >= FAIL_SHARE) return [];
    const trouble = TROUBLES[Math.floor(random() * TROUBLES.length)] ?? { fault: 'cdi-error' };
    return [{ ...trouble, machine_id: machineId, times: 0 }];
  });
}

/**
 * Numbers from 0 to 1 that follow from a text (FNV-1a into mulberry32).
 *
 * @param {string} text
 */
function seeded(text) {
  let state = 0x811c9dc5;
  for (const letter of text) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** @param {string} marketUrl */
async function readMachineIds(marketUrl) {
  const answer = await fetch(`${marketUrl}/_sim/machines`, { signal: AbortSignal.timeout(10_000) });
  const { machines } = /** @type {{ machines: { machine_id: number }[] }} */ (await answer.json());
  return machines.map(({ machine_id }) => machine_id);
}

/**
 * @param {string} marketUrl
 * @param {string} call
 * @param {object} body
 */
async function control(marketUrl, call, body) {
  const answer = await fetch(`${marketUrl}/_sim/${call}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`The simulated market refuses ${call}: ${await answer.text()}`);
  await answer.body?.cancel();
}

/** @param {Results} results */
function shareReady(results) {
  return results.filter(({ isReady }) => isReady).length / results.length;
}

/** @param {number} usd */
function dollars(usd) {
  return `$${usd.toFixed(4)}`;
}

/** @param {readonly number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** @param {readonly number[]} numbers */
function mean(numbers) {
  return numbers.length === 0 ? 0 : sum(numbers) / numbers.length;
}

/**
 * @param {readonly number[]} numbers
 * @param {number} share
 */
function quantile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
