import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { StatusAnswer } from '../../src/admin/answers.ts';
import { Air } from './air.ts';
import { crashPointsOf } from './crash-points.ts';
import { checkHistories } from './histories.ts';
import { Mischief, type Tally } from './mischief.ts';
import { runNets } from './nets.ts';
import { type CampaignOptions, type ProfileName, profileOf } from './options.ts';
import { type Meddling, mishapsOf, type SessionPlan, type Step } from './plan.ts';
import type { RunRecords, SessionRecord, Timing } from './records.ts';
import { registerSecret, secretsIn } from './secrets.ts';
import { ADMIN_MARKER, HF_MARKER, LOGIN_MARKER, MARKET_KEY, SETTINGS, Stack } from './stack.ts';

export type RunResult = {
  readonly records: RunRecords;
  readonly tally: Tally;
  readonly done: readonly Step[];
  readonly replayed: number;
  /** Faults of the market by kind, as its own log of calls has them. */
  readonly faults: Readonly<Record<string, number>>;
  readonly workerStarts: readonly number[];
  /** Processes that ended though nobody killed them. */
  readonly unasked: readonly string[];
  readonly seconds: { readonly flown: number; readonly total: number };
};

export type RunOrder = {
  readonly seed: number;
  readonly home: string;
  /** Instead of the seed's own mishaps and crash points. */
  readonly script?: readonly Step[];
  readonly profile?: ProfileName;
  readonly untilMs: number | null;
  readonly say: (line: string) => void;
};

/** The longest life of a session, its teardown under kills, and room. */
const LANDING_MS = 8 * 60_000;

export const TIMING: Timing = {
  reapMs: Number(SETTINGS.LEASH_REAP_INTERVAL_MINUTES) * 60_000,
  auditMs: Number(SETTINGS.LEASH_AUDIT_INTERVAL_MINUTES) * 60_000,
  settleMs: Number(SETTINGS.LEASH_SETTLE_SECONDS) * 1_000,
  meterMs: Number(SETTINGS.LEASH_METER_SECONDS) * 1_000,
  launchMs: Number(SETTINGS.LEASH_LAUNCH_MINUTES) * 60_000,
  lagMs: 60_000,
};

/** One seed's run, from an empty stack to everything that is known of it. */
export async function runSeed(options: CampaignOptions, order: RunOrder): Promise<RunResult> {
  const { seed, home, say } = order;
  const profile = order.profile ?? profileOf(seed, options.profile);
  const beganAtMs = Date.now();
  const stack = await Stack.raise(options, { home, seed, profile });
  try {
    registerSecrets(stack);
    const strangersBefore = await inviteStrangers(stack, options.strangers);
    const air = new Air(stack, {
      together: options.together,
      sessions: options.sessions,
      untilMs: order.untilMs,
      onLaunch: (plan) => void mischief.follow(meddlingOf(plan, order.script)),
    });
    const mischief: Mischief = new Mischief(stack, air, crashPointsOf(options.product));
    const fault = new FaultCount(stack);
    const ticker = setInterval(() => {
      const { tally } = mischief;
      say(
        `${air.launched} launched, ${air.open} open, ${tally.kills.worker} workers killed, ${Math.min(...Object.values(tally.crashPoints))} at the least crash point`,
      );
    }, 30_000);
    const mishaps: Promise<void>[] =
      order.script === undefined
        ? [
            mischief.crash(),
            ...lanesOf(mishapsOf(seed, { ...options, seconds: 7_200, profile })).map((steps) =>
              mischief.play(steps),
            ),
          ]
        : lanesOf(order.script).map((steps) => mischief.play(steps));
    await air.fill();
    const flownAtMs = Date.now();
    // What is under way at the last launch is still killed at, and then has to end in peace.
    await Promise.race([pause(20_000), landed(air)]);
    mischief.stop();
    await Promise.all(mishaps);
    await stack.market.disarm();
    await stack.market.clearFaults();
    say('no more mishaps; waiting for what is open');
    await air.land(LANDING_MS);
    clearInterval(ticker);
    await Promise.all(stack.workers.map((worker) => worker.working(60_000)));
    await stack.server.working(60_000);
    const netFailures = await runNets(stack);
    say('reaper and audit have run; checking');
    const sessions = await finalStatuses(stack, air.records);
    const asBooked = await stack.market.contracts();
    const contracts = asBooked.map((contract) => ({
      ...contract,
      label: mischief.renamed.get(contract.id) ?? contract.label,
    }));
    const renamedIds = asBooked
      .filter(({ id, label }) => mischief.renamed.has(id) && label !== mischief.renamed.get(id))
      .map(({ id }) => id);
    const endedAtMs = Date.now();
    const { replayed, ...checked } = await checkHistories(stack.client, options.replayWith);
    await fault.read();
    const records: RunRecords = {
      seed,
      profile,
      owner: stack.owner,
      endedAtMs,
      contracts,
      renamedIds,
      strangersBefore,
      sessions,
      runs: checked.runs,
      sightings: air.sightings,
      outages: stack.outages,
      limits: stack.limits,
      hands: mischief.hands,
      timing: TIMING,
      netFailures,
      replayFailures: checked.replayFailures,
      leaks: [
        ...checked.leaks,
        ...stack.api.leaks,
        ...leaksOfLogs(home, stack.logFiles),
        ...leaksOfLabels(contracts),
      ],
    };
    return {
      records,
      tally: mischief.tally,
      done: mischief.done,
      replayed,
      faults: fault.counts,
      workerStarts: stack.workers.flatMap(({ startCpuSeconds }) => startCpuSeconds),
      unasked: [...stack.workers, stack.server].flatMap(({ unasked }) => unasked),
      seconds: { flown: (flownAtMs - beganAtMs) / 1_000, total: (Date.now() - beganAtMs) / 1_000 },
    };
  } finally {
    await stack.close();
  }
}

async function landed(air: Air): Promise<void> {
  while (air.open > 0) await pause(300);
}

/** A crash point waits for its call, and a suspension for its end: others must not wait behind them. */
function lanesOf(script: readonly Step[]): Step[][] {
  const timed = script.filter(({ mishap }) => !('session' in mishap));
  const lanes = Map.groupBy(timed, ({ mishap }) => mishap.do);
  return [...lanes.values()];
}

/** The seed's own, or what a script has for this session. */
function meddlingOf(plan: SessionPlan, script: readonly Step[] | undefined): Meddling | null {
  if (script === undefined) return plan.meddling;
  for (const { mishap } of script) if ('session' in mishap && mishap.session === plan.session) return mishap;
  return null;
}

function registerSecrets(stack: Stack): void {
  registerSecret("the market's key", MARKET_KEY);
  registerSecret('the token of the hub', HF_MARKER);
  registerSecret('the admin token', ADMIN_MARKER);
  registerSecret("the registry's password", LOGIN_MARKER);
  registerSecret('the secret of the installation', stack.secret);
}

/** Other people of the same account, some with labels that look nearly like ours. */
async function inviteStrangers(stack: Stack, more: number): Promise<RunRecords['strangersBefore']> {
  const { owner, market } = stack;
  const other = [...owner].reverse().join('') === owner ? 'otherother' : [...owner].reverse().join('');
  await market.rentForOthers([
    `leash.${other}.s${stack.seed}-1.abcdefghij.1.x9999999999`,
    `leash.${owner}x.s${stack.seed}-1.abcdefghij.1.x1`,
    `leash-${owner}.s1.abcdefghij.1.x1`,
    null,
    ...Array.from({ length: more }, (_, index) => `someone-${index}`),
  ]);
  return market.contracts();
}

/** As the API tells it once everything has run: a receipt that became final meanwhile, too. */
async function finalStatuses(stack: Stack, records: readonly SessionRecord[]): Promise<SessionRecord[]> {
  const open = new Set<string>();
  const query = "WorkflowType = 'gpuSession' AND ExecutionStatus = 'Running'";
  for await (const { workflowId } of stack.client.workflow.list({ query })) {
    open.add(workflowId.slice('session/'.length));
  }
  const final: SessionRecord[] = [];
  const queue = [...records];
  const read = async () => {
    for (let record = queue.shift(); record !== undefined; record = queue.shift()) {
      const { session } = record.plan;
      const answer = await stack.api.call('GET', `vllm/status?session=${session}`);
      const status = answer?.status === 200 ? (answer.body as StatusAnswer) : record.status;
      final.push({ ...record, status, isOpen: open.has(session) });
    }
  };
  await Promise.all([read(), read(), read(), read()]);
  return final;
}

function leaksOfLogs(home: string, files: readonly string[]): RunRecords['leaks'][number][] {
  return files.flatMap((name) =>
    secretsIn(readOrNothing(join(home, name)))
      // The simulated market tells its key in its first line: that is how it is started.
      .filter((what) => name !== 'simulator.log' || what !== "the market's key")
      .map((what) => ({ where: name, what })),
  );
}

function leaksOfLabels(contracts: RunRecords['contracts']): RunRecords['leaks'][number][] {
  return contracts.flatMap(({ id, label }) =>
    secretsIn(label ?? '').map((what) => ({ where: `label of contract ${id}`, what })),
  );
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Faults by kind, from the market's log of calls, which keeps only the newest. */
class FaultCount {
  readonly counts: Record<string, number> = {};
  readonly #stack: Stack;
  #seq = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
    const timer = setInterval(() => void this.read().catch(() => undefined), 60_000);
    timer.unref();
  }

  async read(): Promise<void> {
    for (const { seq, fault } of await this.#stack.market.requests(this.#seq)) {
      this.#seq = Math.max(this.#seq, seq);
      for (const kind of fault?.split(',') ?? []) this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    }
  }
}
