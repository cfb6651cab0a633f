import { CancellationScope, log, patched } from '@temporalio/workflow';
import type { Attempt } from '../domain/attempt.ts';
import { type FailureKind, isCausedByEither } from '../domain/failure.ts';
import { notesOf } from '../domain/machine-memory.ts';
import { keeping } from './policies.ts';
import type { Rental } from './rental.ts';

/**
 * Tells the other sessions of a host that failed, at once and beside whatever else goes on.
 *
 * What a caller may have caused as well waits for the session's end, which knows better; and what gets lost
 * here is written with the receipt.
 */
export function remember(rental: Rental, attempt: Attempt): void {
  const notes = notesOf([attempt]).filter(({ kind }) => kind !== 'ready');
  if (notes.length === 0 || notes.some(({ kind }) => isCausedByEither(kind as FailureKind))) return;
  // Sessions that were open before machines were remembered replay without it.
  if (!patched('machine-memory')) return;
  rental.remembering += 1;
  void CancellationScope.nonCancellable(async () => {
    try {
      const { machineId } = attempt.choice;
      await keeping({ summary: `remember machine ${machineId}` }).rememberMachines({ notes });
    } catch {
      log.warn('a machine could not be remembered now; the receipt tells of it', { label: attempt.label });
    } finally {
      rental.remembering -= 1;
    }
  });
}
