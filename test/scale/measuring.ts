import { setTimeout as pause } from 'node:timers/promises';
import { sessionWorkflowId } from '../../src/workflows/ids.ts';
import { type Calls, countCalls } from './calls.ts';
import type { Fleet } from './fleet.ts';
import { type Looks, readLooks } from './looks.ts';
import type { ScaleStack } from './stack.ts';
import { readUsage, type Spent, spentBetween } from './usage.ts';

/** What a span at the documented limits looked like. */
export type Measured = {
  readonly sessions: number;
  readonly minutes: number;
  readonly calls: Calls;
  readonly looks: Looks;
  readonly programs: Readonly<Record<'worker' | 'server' | 'Temporal', Spent>>;
  /** Of a session in an hour. */
  readonly eventsPerHour: number;
};

const HISTORIES_LOOKED_AT = 50;
/** A look spans a minute: the last ones are written a little later. */
const ARCHIVED_MS = 5_000;

export async function measure(stack: ScaleStack, fleet: Fleet, minutes: number): Promise<Measured> {
  const pids = { worker: pidOf(stack.worker), server: pidOf(stack.server), Temporal: stack.temporalPid };
  const before = readAll(pids);
  const calls = countCalls(stack);
  const events = await historyLengths(stack, fleet);
  const fromMs = Date.now();
  await pause(minutes * 60_000);
  const toMs = Date.now();
  const after = readAll(pids);
  const grown = await historyLengths(stack, fleet);
  const counted = await calls.stop();
  await pause(ARCHIVED_MS);
  return {
    sessions: fleet.open().length,
    minutes,
    calls: counted,
    looks: readLooks(stack.home, { fromMs, toMs }),
    programs: {
      worker: spentBetween(before.worker, after.worker),
      server: spentBetween(before.server, after.server),
      Temporal: spentBetween(before.Temporal, after.Temporal),
    },
    eventsPerHour: meanGrowth(events, grown) / ((toMs - fromMs) / 3_600_000),
  };
}

type Pids = Readonly<Record<'worker' | 'server' | 'Temporal', number>>;

function readAll({ worker, server, Temporal }: Pids) {
  return { worker: readUsage(worker), server: readUsage(server), Temporal: readUsage(Temporal) };
}

function pidOf({ pid }: { readonly pid: number | null }): number {
  if (pid === null) throw new Error('A program of the bench does not run.');
  return pid;
}

/** By run: a session that continues as new begins a history. */
async function historyLengths(stack: ScaleStack, fleet: Fleet): Promise<ReadonlyMap<string, number>> {
  const sessions = fleet.open();
  const step = Math.max(1, Math.floor(sessions.length / HISTORIES_LOOKED_AT));
  const lengths = new Map<string, number>();
  for (const session of sessions.filter((_, at) => at % step === 0)) {
    const { runId, historyLength } = await stack.client.workflow
      .getHandle(sessionWorkflowId(session))
      .describe();
    lengths.set(runId, historyLength);
  }
  return lengths;
}

function meanGrowth(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  const grown = [...after].flatMap(([run, length]) => {
    const known = before.get(run);
    return known === undefined ? [] : [length - known];
  });
  return grown.reduce((sum, events) => sum + events, 0) / Math.max(1, grown.length);
}
