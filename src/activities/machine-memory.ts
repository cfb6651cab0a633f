import { setTimeout as pause } from 'node:timers/promises';
import { log } from '@temporalio/activity';
import { adviceOf, type MachineAdvice, type MachineNote, REMEMBERED_MS } from '../domain/machine-memory.ts';
import type { Deps } from './deps.ts';

/** No search waits longer for what is only advice. */
const ADVICE_MS = 2_000;

/** Keeps what happened on machines for the searches of other sessions. Repeats change nothing. */
export async function rememberMachines(
  deps: Deps,
  { notes }: { notes: readonly MachineNote[] },
): Promise<void> {
  await deps.archive.writeMachineNotes(notes);
}

/** What is remembered, by machine; nothing where the archive does not answer in time, which fails no search. */
export async function machineAdvice({
  archive,
}: Pick<Deps, 'archive'>): Promise<Readonly<Record<number, MachineAdvice>>> {
  const nowMs = Date.now();
  const done = new AbortController();
  try {
    const notes = await Promise.race([
      archive.machineNotes({ sinceMs: nowMs - REMEMBERED_MS }),
      pause(ADVICE_MS, null, { signal: done.signal, ref: false }),
    ]);
    if (notes === null) throw new Error(`no answer within ${ADVICE_MS} ms`);
    return adviceOf(notes, nowMs);
  } catch (error) {
    log.warn('searches without what is remembered of machines', {
      message: error instanceof Error ? error.message : String(error),
    });
    return {};
  } finally {
    done.abort();
  }
}
