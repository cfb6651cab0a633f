import { log } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { chargesOfOwner } from '../domain/auditing.ts';
import { reservationKey } from '../domain/ledger.ts';
import type { MachineNote } from '../domain/machine-memory.ts';
import type { Receipt } from '../domain/session.ts';
import { terminatedReceipt } from '../domain/terminated.ts';
import { MarketError } from '../vast/client.ts';
import { sessionWorkflowId } from '../workflows/ids.ts';
import { reservationQuery, SEARCH_ATTRIBUTES, type SessionMemo } from '../workflows/messages.ts';
import type { Deps } from './deps.ts';

type RunRef = { readonly session: string; readonly run: string };

const DAY_MS = 86_400_000;
const DESCRIBE_MS = 15_000;

/** Keeps a receipt beyond Temporal's retention, and what its machines did. Repeats change nothing. */
export async function archiveReceipt(
  deps: Deps,
  order: { receipt: Receipt; machines?: readonly MachineNote[] },
): Promise<void> {
  await deps.archive.writeReceipt(order.receipt);
  if (order.machines !== undefined && order.machines.length > 0)
    await deps.archive.writeMachineNotes(order.machines);
}

/**
 * The receipt of a run that was ended from outside, unless there is one: a session that completed wrote its own.
 *
 * To be called before the reservation is closed, whose bookings it tells of.
 */
export async function archiveTerminated(deps: Deps, { session, run }: RunRef): Promise<void> {
  const { owner } = deps.installation;
  const known = await deps.archive.findReceipt({ session, run });
  const described = await describeRun(deps, { session, run });
  // A receipt from before this life of the run: it had ended, and was reset.
  const isOfEarlierLife = known !== null && (described?.begunAtMs ?? 0) > known.endedAtMs;
  if (described?.status === 'COMPLETED' || (known !== null && !isOfEarlierLife)) return;
  const reservation = await openReservation(deps, reservationKey({ owner, session, run }));
  const nowMs = Date.now();
  const startedAtMs = described?.startedAtMs ?? reservation?.openedAtMs ?? nowMs;
  await deps.archive.writeReceipt(
    terminatedReceipt({
      owner,
      session,
      run,
      reservation,
      charges: await chargesOf(deps, { session, run }, startedAtMs - DAY_MS),
      labels: described?.labels ?? [],
      gpu: described?.gpu ?? null,
      startedAtMs,
      nowMs,
      reason: `Its workflow was ${(described?.status ?? 'terminated').toLowerCase()} from outside; the reaper gave back what it left.`,
    }),
  );
  log.info('wrote the receipt of a session that was ended from outside', { session, run });
}

/** Null where the newest run under this name is another one. */
async function describeRun(deps: Deps, { session, run }: RunRef) {
  try {
    const described = await deps.temporal.withDeadline(Date.now() + DESCRIBE_MS, () =>
      deps.temporal.workflow.getHandle(sessionWorkflowId(session)).describe(),
    );
    const memo = (described.memo ?? {}) as Partial<SessionMemo>;
    if (memo.run !== run) return null;
    return {
      status: described.status.name,
      labels: memo.claims ?? [],
      gpu: described.typedSearchAttributes.get(SEARCH_ATTRIBUTES.gpu) ?? null,
      begunAtMs: described.startTime.getTime(),
      startedAtMs:
        memo.started_at === undefined ? described.startTime.getTime() : Date.parse(memo.started_at),
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

async function openReservation(deps: Deps, key: string) {
  try {
    return await deps.ledger.read(reservationQuery, key);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** A market that does not answer now is asked again by the audit, which makes the receipt final. */
async function chargesOf(deps: Deps, { session, run }: RunRef, fromMs: number) {
  try {
    const rows = await deps.vast.listCharges({ fromMs, toMs: Date.now() + DAY_MS });
    return chargesOfOwner(rows, deps.installation.owner).filter(
      (contract) => contract.session === session && contract.run === run,
    );
  } catch (error) {
    if (error instanceof MarketError) return [];
    throw error;
  }
}
