/**
 * `npm run bench:together -- --sessions 20 --rate-scale 0.25`: many sessions at once, under the market's limits.
 *
 * All are launched in the same moment on a simulated market of their own that refuses calls as the documents say:
 * a create each 4.5 s, a destroy each 3 s, a show each 2 s, a list each second, ten searches a minute, times the
 * scale, which market and product are given alike. Printed: what became of the sessions, whether any was rented
 * twice by the market's books, and what was asked of the market for each.
 */
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { openBench } from './bench/installation.mjs';
import { quantile } from './bench/numbers.mjs';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '20' },
    'rate-scale': { type: 'string', default: '0.25' },
    profile: { type: 'string', default: 'calm' },
    seed: { type: 'string', default: '1' },
    'keep-alive-minutes': { type: 'string', default: '0.5' },
    'time-scale': { type: 'string', default: '300' },
  },
});
const COUNT = Number(values.sessions);
/** More than fit the table of GPUs, so that launches compete for the best offers and never run out of them. */
const MACHINES = Math.max(300, COUNT * 15);
/** Each waits for its turn to create, and to be seen gone. */
const ALL_MS = 900_000 + COUNT * 12_000 * Number(values['rate-scale']);

const bench = await openBench({
  environment: {
    LEASH_RATE_SCALE: values['rate-scale'],
    LEASH_METER_SECONDS: '10',
    LEASH_TEARDOWN_MARGIN_SECONDS: '60',
    VASTAI_BUDGET_LIMIT: String(COUNT * 2),
  },
  simulator: {
    timeScale: Number(values['time-scale']),
    seed: Number(values.seed),
    profile: values.profile,
    machines: MACHINES,
  },
  patienceMs: ALL_MS,
  lookMs: Math.max(300, COUNT * 20),
});

try {
  process.exitCode = (await measure()) ? 0 : 1;
} finally {
  await bench.close();
}

/** Launches all, waits for all, prints; true when nothing went wrong. */
async function measure() {
  const callsBefore = (await readCalls()).length;
  const startedMs = Date.now();
  const names = Array.from({ length: COUNT }, (_, index) => `s${index}`);
  await Promise.all(
    names.map((session) =>
      bench.api.launch({ session, keep_alive_minutes: Number(values['keep-alive-minutes']), budget_usd: 1 }),
    ),
  );
  const receipts = await Promise.all(names.map((session) => bench.receiptOf(session)));
  const tookSeconds = (Date.now() - startedMs) / 1_000;
  const calls = (await readCalls()).slice(callsBefore);

  const outcomes = Map.groupBy(receipts, ({ outcome, reason }) => `${outcome} (${reason})`);
  console.log(
    `${COUNT} sessions at once, rate scale ${values['rate-scale']}, seed ${values.seed}, profile ${values.profile}, time scale ${values['time-scale']}: all ended after ${tookSeconds.toFixed(0)} s`,
  );
  for (const [outcome, all] of outcomes) console.log(`  ${all.length} ${outcome}`);
  const readySeconds = receipts
    .map(({ started_at, ready_at }) =>
      ready_at === null ? Number.NaN : (Date.parse(ready_at) - Date.parse(started_at)) / 1_000,
    )
    .filter((seconds) => !Number.isNaN(seconds));
  console.log(
    `  READY after ${quantile(readySeconds, 0).toFixed(1)} s the first, ${quantile(readySeconds, 0.5).toFixed(1)} s the median, ${quantile(readySeconds, 1).toFixed(1)} s the last`,
  );
  const wrong = await readWrong(receipts);
  printCalls(calls);
  for (const line of wrong) console.log(`WRONG: ${line}`);
  return wrong.length === 0;
}

/**
 * By the market's books: what is left, what was rented while another of its session was wanted, what no receipt has.
 *
 * @param {Awaited<ReturnType<typeof bench.receiptOf>>[]} receipts
 */
async function readWrong(receipts) {
  const wrong = [];
  const prefix = `leash.${bench.owner}.`;
  const labels = new Set(receipts.flatMap(({ instances }) => instances.map(({ label }) => label)));
  const books = await bench.settledBooks(labels);
  const ours = books.contracts.filter(({ label }) => label?.startsWith(prefix));
  for (const { id, label, destroyed_at } of ours) {
    if (destroyed_at === null) wrong.push(`instance ${id} (${label}) is left`);
    if (label !== null && !labels.has(label)) wrong.push(`instance ${id} (${label}) is in no receipt`);
  }
  const bySession = Map.groupBy(ours, ({ label }) => label?.slice(prefix.length).split('.')[0] ?? '');
  for (const [session, contracts] of bySession) {
    const spans = contracts
      .map(({ created_at, destroy_requested_at }) => ({ from: created_at ?? 0, to: destroy_requested_at }))
      .sort((a, b) => a.from - b.from);
    const twice = spans.filter(
      ({ from }, index) => index > 0 && from < (spans[index - 1]?.to ?? Number.POSITIVE_INFINITY),
    );
    if (twice.length > 0) wrong.push(`${session} had two instances at once`);
  }
  console.log(`  ${ours.length} instances rented for ${bySession.size} sessions`);
  return wrong;
}

/** @returns {Promise<{ call: string | null, status: number | null }[]>} */
async function readCalls() {
  const answer = await request(`${bench.marketUrl}/_sim/requests?after=0`, {
    signal: AbortSignal.timeout(10_000),
  });
  return /** @type {{ requests: { call: string | null, status: number | null }[] }} */ (
    await answer.body.json()
  ).requests;
}

/** @param {{ call: string | null, status: number | null }[]} calls */
function printCalls(calls) {
  console.log('');
  console.log(`${'call'.padEnd(10)}${'calls'.padStart(8)}${'a session'.padStart(12)}${'429'.padStart(6)}`);
  for (const [call, all] of Map.groupBy(calls, ({ call }) => call ?? 'other')) {
    const refused = all.filter(({ status }) => status === 429).length;
    console.log(
      `${call.padEnd(10)}${String(all.length).padStart(8)}${(all.length / COUNT).toFixed(1).padStart(12)}${String(refused).padStart(6)}`,
    );
  }
}
