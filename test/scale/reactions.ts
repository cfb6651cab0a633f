import { setTimeout as pause } from 'node:timers/promises';
import { sessionWorkflowId } from '../../src/workflows/ids.ts';
import type { SessionMemo } from '../../src/workflows/messages.ts';
import type { Fleet } from './fleet.ts';
import type { ScaleStack } from './stack.ts';

/** Seconds from each cause to what follows from it; those that never came are left out and counted. */
export type Reactions = { readonly seconds: readonly number[]; readonly missing: number };

const WAIT_MS = 10 * 60_000;
const LOOK_MS = 500;
/** Faults and messages come at moments of their own. */
const SPREAD_MS = 60_000;

/** Instances that somebody else destroys: until the session knows that it lost its own. */
export async function loseInstances(stack: ScaleStack, fleet: Fleet, count: number): Promise<Reactions> {
  const ids = await instancesOf(stack);
  return reactions(fleet.take(count), async (session) => {
    const id = ids.get(session);
    if (id === undefined) return null;
    await stack.market.destroy(id);
    const fromMs = Date.now();
    return until(async () => ((await stateOf(stack, session)) === 'READY' ? null : Date.now() - fromMs));
  });
}

/** `destroy`: until the market was told. */
export async function destroySessions(stack: ScaleStack, fleet: Fleet, count: number): Promise<Reactions> {
  const ids = await instancesOf(stack);
  return reactions(fleet.take(count), async (session) => {
    const fromMs = Date.now();
    await stack.api.call('POST', 'vllm/destroy', { session });
    return until(async () => {
      const contracts = await stack.market.contracts();
      const toldSeconds = contracts.find(({ id }) => id === ids.get(session))?.destroy_requested_at ?? null;
      return toldSeconds === null ? null : Math.max(0, toldSeconds * 1_000 - fromMs);
    }, 3_000);
  });
}

/** `extend`: until it is answered. */
export async function extendSessions(stack: ScaleStack, fleet: Fleet, count: number): Promise<Reactions> {
  return reactions(fleet.open().slice(0, count), async (session) => {
    const fromMs = performance.now();
    const answer = await stack.api.once('POST', 'vllm/extend', { session, additional_minutes: 1 });
    return answer?.status === 200 ? performance.now() - fromMs : null;
  });
}

async function reactions(
  sessions: readonly string[],
  act: (session: string) => Promise<number | null>,
): Promise<Reactions> {
  const tookMs = await Promise.all(
    sessions.map(async (session) => {
      await pause(Math.random() * SPREAD_MS);
      return act(session);
    }),
  );
  const seconds = tookMs.flatMap((ms) => (ms === null ? [] : [ms / 1_000]));
  return { seconds, missing: tookMs.length - seconds.length };
}

async function until(look: () => Promise<number | null>, lookMs = LOOK_MS): Promise<number | null> {
  const untilMs = Date.now() + WAIT_MS;
  while (Date.now() < untilMs) {
    const seen = await look();
    if (seen !== null) return seen;
    await pause(lookMs);
  }
  return null;
}

async function stateOf(stack: ScaleStack, session: string): Promise<string | undefined> {
  const { memo } = await stack.client.workflow.getHandle(sessionWorkflowId(session)).describe();
  return (memo as Partial<SessionMemo> | undefined)?.state;
}

async function instancesOf(stack: ScaleStack): Promise<ReadonlyMap<string, number>> {
  const prefix = `leash.${stack.owner}.`;
  const contracts = await stack.market.contracts();
  return new Map(
    contracts
      .filter(({ label, destroyed_at }) => label?.startsWith(prefix) && destroyed_at === null)
      .map(({ id, label }) => [label?.slice(prefix.length).split('.')[0] ?? '', id]),
  );
}
