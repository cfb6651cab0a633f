/**
 * `npm run bench:together -- --sessions 20 --rate-scale 0.25`: many sessions at once, under the market's limits.
 *
 * All are launched in the same moment on a simulated market of their own that refuses calls as the documents say:
 * a create each 4.5 s, a destroy each 3 s, a show each 2 s, a list each second, ten searches a minute, times the
 * scale, which market and product are given alike. Printed: what became of the sessions, whether any was rented
 * twice by the market's books, and what was asked of the market for each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { openLog } from '../src/cli/compose/log.ts';
import { compose } from '../src/cli/compose.ts';
import { isSettled, readBooks } from '../src/cli/demo/books.ts';
import { connectAdmin } from '../src/cli/http.ts';

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
const ALL_MS = 900_000;

const home = mkdtempSync(join(tmpdir(), 'leash-together-'));
const running = await compose({
  environment: {
    LEASH_HOME: home,
    LEASH_PORT: '0',
    LEASH_SIMULATOR_PORT: '0',
    LEASH_TEMPORAL_PORT: '0',
    LEASH_TEMPORAL_UI_PORT: '0',
    LEASH_RATE_SCALE: values['rate-scale'],
    LEASH_DRAIN_SECONDS: '1',
    LEASH_METER_SECONDS: '10',
    LEASH_SETTLE_SECONDS: '5',
    LEASH_TEARDOWN_MARGIN_SECONDS: '60',
    VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '2',
    VASTAI_BUDGET_LIMIT: String(COUNT * 2),
  },
  market: 'simulated',
  ownTemporal: true,
  simulator: {
    timeScale: Number(values['time-scale']),
    seed: Number(values.seed),
    profile: /** @type {'calm' | 'flaky' | 'hostile'} */ (values.profile),
  },
  logger: openLog({ home: join(home, 'simulated'), level: 'warn', print: null }),
});
const token = running.installation.adminToken;
const api = connectAdmin({ url: running.apiUrl, tokens: [{ value: token, from: 'this bench' }] });

try {
  process.exitCode = (await measure()) ? 0 : 1;
} finally {
  await running.stop();
  rmSync(home, { recursive: true, force: true });
}

/** Launches all, waits for all, prints; true when nothing went wrong. */
async function measure() {
  const callsBefore = (await readCalls()).length;
  const startedMs = Date.now();
  const names = Array.from({ length: COUNT }, (_, index) => `s${index}`);
  await Promise.all(
    names.map((session) =>
      api.launch({ session, keep_alive_minutes: Number(values['keep-alive-minutes']), budget_usd: 1 }),
    ),
  );
  const receipts = await Promise.all(names.map(receiptOf));
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
    .filter((seconds) => !Number.isNaN(seconds))
    .sort((a, b) => a - b);
  console.log(
    `  READY after ${at(readySeconds, 0)} s the first, ${at(readySeconds, 0.5)} s the median, ${at(readySeconds, 1)} s the last`,
  );
  const wrong = await readWrong(receipts);
  printCalls(calls);
  for (const line of wrong) console.log(`WRONG: ${line}`);
  return wrong.length === 0;
}

/** @param {string} session */
async function receiptOf(session) {
  const untilMs = Date.now() + ALL_MS;
  while (Date.now() < untilMs) {
    const { receipt } = (await api.status(session)).value;
    if (receipt !== null) return receipt;
    await pause(2_000);
  }
  throw new Error(`${session} has not ended within ${ALL_MS / 1_000} s`);
}

/**
 * By the market's books: what is left, what was rented while another of its session was wanted, what no receipt has.
 *
 * @param {Awaited<ReturnType<typeof receiptOf>>[]} receipts
 */
async function readWrong(receipts) {
  const wrong = [];
  const prefix = `leash.${running.installation.owner}.`;
  const labels = new Set(receipts.flatMap(({ instances }) => instances.map(({ label }) => label)));
  const ended = Date.now() + 60_000;
  let books = await readBooks(running.market.url);
  while (!isSettled(books, labels) && Date.now() < ended) {
    await pause(500);
    books = await readBooks(running.market.url);
  }
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
  const answer = await request(`${running.market.url}/_sim/requests?after=0`, {
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

/**
 * @param {number[]} sorted
 * @param {number} share
 */
function at(sorted, share) {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
}
