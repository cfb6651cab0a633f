/**
 * `npm run bench:launch -- --sessions 100`: how many launches become READY when each host fails with a given chance.
 *
 * Every variant has a simulated market, a Temporal server and a worker of its own. Hosts are drawn one by one,
 * seeded: anew for each session, so that nothing learnt from one helps the next; or once for all, as in life,
 * where a bad machine stays bad and the memory of machines has something to remember. A bad host has one of the
 * troubles that hosts have; calls and everything else of the market work.
 */
import { parseArgs } from 'node:util';
import { inLanes, openBench } from './bench/installation.mjs';
import { mean, quantile, sum } from './bench/numbers.mjs';

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
  const bench = await openBench({
    environment: {
      LEASH_DRAIN_SECONDS: '0',
      LEASH_MAX_ATTEMPTS: String(variant.maxAttempts),
      // Half an hour at the machines' pace.
      VASTAI_MAX_STARTUP_TIME_MINUTES: String(30 / TIME_SCALE),
      VASTAI_BUDGET_LIMIT: '100000',
    },
    simulator: { timeScale: TIME_SCALE, seed: Number(values.seed), profile: 'calm' },
    patienceMs: SESSION_MS,
  });
  try {
    await control(bench.marketUrl, 'credit', { usd: 100_000 });
    const machineIds = await readMachineIds(bench.marketUrl);
    if (variant.hosts === 'stay')
      await control(bench.marketUrl, 'faults', { add: troublesOf(machineIds, 'all') });
    return await inLanes({ count: SESSIONS, together: Number(values.together) }, (index) =>
      runOne(bench, { variant, machineIds, session: `s${index}` }),
    );
  } finally {
    await bench.close();
  }
}

/**
 * One launch, given back as soon as it is READY.
 *
 * @param {Awaited<ReturnType<typeof openBench>>} bench
 * @param {{ variant: Variant, machineIds: readonly number[], session: string }} order
 */
async function runOne(bench, { variant, machineIds, session }) {
  if (variant.hosts === 'anew') {
    const label_prefix = `leash.${bench.owner}.${session}.`;
    const add = troublesOf(machineIds, session).map((trouble) => ({ ...trouble, label_prefix }));
    await control(bench.marketUrl, 'faults', { add });
  }
  await bench.api.launch({ session, hedge: variant.hedge, keep_alive_minutes: 10 });
  const { ready } = await bench.until(session, (status) => {
    if (status.state === 'READY') return { ready: status };
    return status.outcome === null ? null : { ready: null };
  });
  if (ready !== null) await bench.api.destroy({ session, waitSeconds: 0 });
  const receipt = await bench.receiptOf(session);
  const labels = new Set(receipt.instances.map(({ label }) => label));
  const books = await bench.settledBooks(labels);
  const contracts = books.contracts.filter(({ label }) => label !== null && labels.has(label));
  const wasted = contracts.filter(({ id }) => id !== ready?.instance_id);
  return {
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

/** @typedef {Awaited<ReturnType<typeof runVariant>>} Results */

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
