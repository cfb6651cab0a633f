import { forgetting, type MachineStanding, REMEMBERED_MS, recall } from '../domain/machine-memory.ts';
import { Problem } from '../domain/problem.ts';
import type { Context } from './context.ts';

/** What this installation remembers of machines; the archive answers, and no worker is asked. */
export type MachineBook = {
  /** Avoided ones first, then by when they were last seen. */
  list(): Promise<MachineStanding[]>;
  /** Nothing that was noted of it until now counts any more. not-found where nothing is remembered. */
  forget(machineId: number): Promise<void>;
};

export async function listMachines({ archive }: Pick<Context, 'archive'>): Promise<MachineStanding[]> {
  const nowMs = Date.now();
  return recall(await archive.machineNotes({ sinceMs: nowMs - REMEMBERED_MS }), nowMs);
}

export async function forgetMachine(context: Pick<Context, 'archive'>, machineId: number): Promise<void> {
  const known = await listMachines(context);
  if (!known.some((standing) => standing.machineId === machineId))
    throw new Problem('not-found', `Nothing is remembered of machine ${machineId}.`);
  await context.archive.writeMachineNotes([forgetting(machineId, Date.now())]);
}
