/**
 * `npm run bench:sessions`: what sessions that stand open cost, ten, a hundred and a thousand of them.
 *
 * Sessions are launched with the market's limits off; then market and worker keep to the documented ones, with the
 * product's own intervals, for the time that is measured. At the end instances are lost, sessions extended and
 * destroyed, and one of two workers is killed. The market's books say at last whether anything was left.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Fleet } from './fleet.ts';
import { readLooks } from './looks.ts';
import { type Measured, measure } from './measuring.ts';
import { destroySessions, extendSessions, loseInstances } from './reactions.ts';
import { printGaps, printReactions, printTable } from './report.ts';
import { ScaleStack } from './stack.ts';

const { values } = parseArgs({
  options: {
    /** One after the other; the last is measured for `minutes`, those before for three. */
    sessions: { type: 'string', default: '10,100,1000' },
    minutes: { type: 'string', default: '30' },
    machines: { type: 'string', default: '3000' },
    faults: { type: 'string', default: '30' },
  },
});
const SIZES = values.sessions.split(',').map(Number);
const MINUTES = Number(values.minutes);
const FAULTS = Number(values.faults);
const MINUTES_OF_SMALLER = 3;
/** The first minute after a worker's start is its start. */
const SETTLING_MS = 90_000;
/** Heartbeat time-out, a look's interval, and room. */
const TAKEN_UP_MS = 180_000;
const ENDED_MS = 20 * 60_000;

const stack = await ScaleStack.raise({ machines: Number(values.machines) });
const fleet = new Fleet(stack);
const measured: Measured[] = [];
try {
  for (const size of SIZES) measured.push(await measureAt(size, size === SIZES.at(-1)));
  await react();
  await killOneOfTwo();
  process.exitCode = (await endAll()) ? 0 : 1;
} finally {
  // Of a run that broke off too: an hour's figures are worth having.
  printTable(measured);
  await stack.close();
}

async function measureAt(size: number, isLast: boolean): Promise<Measured> {
  const startedMs = Date.now();
  await stack.setRates(0);
  await fleet.growTo(size);
  say(
    `${size} sessions READY, ${((Date.now() - startedMs) / 1_000).toFixed(0)} s after the last measurement`,
  );
  await stack.setRates(1);
  await pause(SETTLING_MS);
  const minutes = isLast ? MINUTES : Math.min(MINUTES, MINUTES_OF_SMALLER);
  say(`measuring for ${minutes} minutes at the documented limits`);
  return measure(stack, fleet, minutes);
}

async function react(): Promise<void> {
  say('losing, extending and destroying some');
  printReactions({
    'an extension is answered': await extendSessions(stack, fleet, FAULTS),
    'a destroy reaches the market': await destroySessions(stack, fleet, FAULTS),
    'a lost instance is noticed': await loseInstances(stack, fleet, FAULTS),
  });
}

async function killOneOfTwo(): Promise<void> {
  say('a second worker, and the first is killed');
  await stack.secondWorker.start();
  await pause(SETTLING_MS);
  console.log('two workers; usage is that of the first');
  // Each reads the market's list for itself, and the market counts them together.
  printTable([await measure(stack, fleet, Math.min(MINUTES, MINUTES_OF_SMALLER))]);
  const fromMs = Date.now();
  await stack.worker.close();
  await pause(TAKEN_UP_MS);
  printGaps(readLooks(stack.home, { fromMs, toMs: Date.now() }), fleet.open().length);
}

/** True when the market has nothing of ours any more. */
async function endAll(): Promise<boolean> {
  say('ending all, with the limits off');
  await stack.useUnlimited();
  const sessions = fleet.take(fleet.open().length);
  for (let at = 0; at < sessions.length; at += 50)
    await Promise.all(
      sessions.slice(at, at + 50).map((session) => stack.api.call('POST', 'vllm/destroy', { session })),
    );
  const untilMs = Date.now() + ENDED_MS;
  for (;;) {
    const left = (await stack.market.contracts()).filter(
      ({ label, destroyed_at }) => label?.startsWith(`leash.${stack.owner}.`) && destroyed_at === null,
    );
    const open = await stack.countOpen();
    if (left.length === 0 && open === 0) {
      console.log(`All ${fleet.sessions.length} sessions ended; the market has nothing of ours.`);
      return true;
    }
    if (Date.now() > untilMs) {
      console.log(`WRONG: ${left.length} instances and ${open} sessions are left.`);
      return false;
    }
    await pause(2_000);
  }
}

/** Beside the output, which is for the documents. */
function say(what: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what}\n`);
}
