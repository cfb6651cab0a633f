/**
 * `npm run bench:forecast -- --sessions 50 --profile calm`: how far the forecast of a launch is from its bill.
 *
 * Seeded sessions run to their planned end on a simulated market of their own, several at once; each forecast, as
 * the plan showed it and the receipt repeats it, is held against what that market charged. Dollars run by the wall
 * clock, so that a keep-alive of seconds costs next to nothing beside its downloads: the parts are compared too.
 */
import { parseArgs } from 'node:util';
import { inLanes, openBench } from './bench/installation.mjs';
import { quantile } from './bench/numbers.mjs';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '50' },
    together: { type: 'string', default: '10' },
    profile: { type: 'string', default: 'calm' },
    seed: { type: 'string', default: '1' },
    'keep-alive-minutes': { type: 'string', default: '0.3' },
    'time-scale': { type: 'string', default: '600' },
  },
});
const MODELS = [
  'Qwen/Qwen2.5-7B-Instruct',
  'Qwen/Qwen2.5-1.5B-Instruct',
  'Qwen/Qwen2.5-14B-Instruct',
  'mistralai/Mistral-7B-Instruct-v0.3',
  'Qwen/Qwen3-8B',
];
const PARTS = /** @type {const} */ (['gpu', 'disk', 'bandwidth', 'total']);
const SESSION_MS = 240_000;
/** What `calm` is held to. */
const GOAL = { median: 0.1, p90: 0.25 };

const bench = await openBench({
  environment: { VASTAI_BUDGET_LIMIT: '10000' },
  simulator: {
    timeScale: Number(values['time-scale']),
    seed: Number(values.seed),
    profile: values.profile,
  },
  patienceMs: SESSION_MS,
});

try {
  const size = { count: Number(values.sessions), together: Number(values.together) };
  process.exitCode = report(await inLanes(size, runOne)) ? 0 : 1;
} finally {
  await bench.close();
}

/**
 * One session from its plan to its receipt, and what the market charged for it.
 *
 * @param {number} index
 */
async function runOne(index) {
  const model = MODELS[(index * 7 + Number(values.seed)) % MODELS.length] ?? '';
  const order = { session: `s${index}`, model, keep_alive_minutes: Number(values['keep-alive-minutes']) };
  const plan = (await bench.api.plan(order)).value;
  await bench.api.launch(order);
  const receipt = await bench.receiptOf(order.session);
  const labels = new Set(receipt.instances.map(({ label }) => label));
  const books = await bench.settledBooks(labels);
  const contracts = books.contracts.filter(({ label }) => label !== null && labels.has(label));
  const billed = Object.fromEntries(
    PARTS.map((part) => [part, contracts.reduce((sum, { usd }) => sum + usd[part], 0)]),
  );
  const served = receipt.attempts.at(-1);
  const planned = plan.offers.find(({ offer_id }) => offer_id === served?.offer_id)?.forecast;
  return {
    model,
    outcome: `${receipt.outcome} (${receipt.outcome === 'completed' ? receipt.reason : receipt.attempts.length})`,
    isComplete: receipt.outcome === 'completed',
    attempts: receipt.instances.length,
    forecastUsd: receipt.forecast_usd,
    billed,
    readyMinutes:
      receipt.ready_at === null || contracts[0]?.created_at == null
        ? null
        : (Date.parse(receipt.ready_at) / 1_000 - contracts[0].created_at) / 60,
    planned:
      planned === undefined
        ? null
        : {
            gpu: planned.gpu_usd,
            disk: planned.storage_usd,
            bandwidth: planned.image_usd + planned.weights_usd,
            total: planned.total_usd,
            readyMinutes: planned.minutes_to_ready,
          },
  };
}

/**
 * Prints the errors; true when the goals of `calm` are kept.
 *
 * @param {Awaited<ReturnType<typeof runOne>>[]} results
 */
function report(results) {
  const done = results.filter(({ isComplete, forecastUsd }) => isComplete && forecastUsd !== null);
  const outcomes = Map.groupBy(results, ({ outcome }) => outcome);
  console.log(
    `${results.length} sessions, seed ${values.seed}, profile ${values.profile}, ${values['keep-alive-minutes']} min of keep-alive, time scale ${values['time-scale']}: ` +
      [...outcomes].map(([outcome, all]) => `${all.length} ${outcome}`).join(', '),
  );
  const total = done.map(({ forecastUsd, billed }) => errorOf(forecastUsd ?? 0, billed.total ?? 0));
  console.log(
    line(
      'bill',
      total,
      done.map(({ billed }) => billed.total ?? 0),
    ),
  );
  const alone = done.filter(({ attempts }) => attempts === 1);
  if (alone.length < done.length) {
    const errors = alone.map(({ forecastUsd, billed }) => errorOf(forecastUsd ?? 0, billed.total ?? 0));
    console.log(
      line(
        'bill, at the first attempt',
        errors,
        alone.map(({ billed }) => billed.total ?? 0),
      ),
    );
  }
  const compared = alone.filter(({ planned }) => planned !== null);
  for (const part of PARTS.slice(0, 3)) {
    const errors = compared.map(({ planned, billed }) => errorOf(planned?.[part] ?? 0, billed[part] ?? 0));
    console.log(
      line(
        `  ${part}`,
        errors,
        compared.map(({ billed }) => billed[part] ?? 0),
      ),
    );
  }
  for (const [model, all] of Map.groupBy(alone, (result) => result.model)) {
    const errors = all.map(({ forecastUsd, billed }) => errorOf(forecastUsd ?? 0, billed.total ?? 0));
    console.log(
      line(
        `  ${model}`,
        errors,
        all.map(({ billed }) => billed.total ?? 0),
      ),
    );
  }
  const isKept = quantile(absolute(total), 0.5) <= GOAL.median && quantile(absolute(total), 0.9) <= GOAL.p90;
  if (values.profile !== 'calm') return true;
  console.log(
    `goal (median ≤ ${GOAL.median * 100} %, p90 ≤ ${GOAL.p90 * 100} %): ${isKept ? 'kept' : 'MISSED'}`,
  );
  return isKept && done.length === results.length;
}

/**
 * @param {number} forecast
 * @param {number} actual
 */
function errorOf(forecast, actual) {
  return actual === 0 ? 0 : (forecast - actual) / actual;
}

/**
 * @param {string} name
 * @param {number[]} errors
 * @param {number[]} actual
 */
function line(name, errors, actual) {
  const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(1)} %`.padStart(8);
  const sizes = absolute(errors);
  return `${name.padEnd(38)} median ${percent(quantile(sizes, 0.5))}  p90 ${percent(quantile(sizes, 0.9))}  biased ${percent(quantile(errors, 0.5))}  of $${quantile(actual, 0.5).toFixed(4)} (n=${errors.length})`;
}

/** @param {number[]} errors */
function absolute(errors) {
  return errors.map(Math.abs);
}
