import { log } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { type Instance, labelsOf } from '../domain/instance.ts';
import { ownerPrefix, parseLabel } from '../domain/label.ts';
import { reservationKey } from '../domain/ledger.ts';
import { labelOfOwner, REAP_GRACE_MS, type ReaperInstance, type SessionFacts } from '../domain/reaping.ts';
import { REAP_SCHEDULE_ID, sessionWorkflowId } from '../workflows/ids.ts';
import { closeUpdate, ledgerQuery, type SessionMemo } from '../workflows/messages.ts';
import { archiveTerminated } from './archive-receipt.ts';
import type { Deps } from './deps.ts';

export type Survey = {
  readonly ours: readonly ReaperInstance[];
  /** Instances of other owners' labels past their expiry: reported, never touched. */
  readonly expiredOfOthers: readonly {
    readonly instanceId: number;
    readonly label: string;
    readonly usdPerHour: number | null;
  }[];
  /** Sessions whose reservation is still open in the ledger, with or without an instance. */
  readonly openReservations: readonly OpenReservation[];
  /** Whoever's they are: stopped, they serve nobody and go on billing their disk. */
  readonly stopped: readonly IdleBilling[];
  /** What the newest finished run of the schedule found under unknown sessions, and since when, epoch ms. */
  readonly suspectSinceMs: Readonly<Record<string, number>>;
};

export type OpenReservation = {
  readonly session: string;
  readonly run: string;
  /** When a create of it went out that nobody has answered yet, epoch ms: absence proves nothing for a while. */
  readonly unansweredSinceMs: number | null;
};

/** What costs money and does nothing for it. */
export type IdleBilling = {
  readonly kind: 'instance' | 'volume';
  readonly id: number;
  readonly label: string | null;
  readonly usdPerHour: number | null;
};

const DESCRIBE_DEADLINE_MS = 15_000;
const DESCRIBES_AT_ONCE = 10;
const VOLUMES_MS = 20_000;
const LABEL_MS = 20_000;
const IDLE_SHOWN_MAX = 50;
const RUNS_LOOKED_AT = 20;

/** Whose instances are meant; left out, our own. */
export type SurveyOrder = { readonly owner?: string };

/** Everything of ours on the market, by one complete list; a failed page ends the run. */
export async function surveyInstances(deps: Deps, order: SurveyOrder = {}): Promise<Survey> {
  const owner = order.owner ?? deps.installation.owner;
  const reservations = await openReservationsOf(deps);
  const { instances, askedAtMs } = await deps.instances.look(Date.now());
  const ours = instances
    .filter((instance) => labelOfOwner(instance, owner) !== null)
    .map(({ instanceId, label, labelFromEnvironment, usdPerHour, actualStatus }) => ({
      instanceId,
      label,
      labelFromEnvironment,
      usdPerHour,
      actualStatus,
    }));
  const expiredOfOthers = instances.flatMap((instance) => {
    const text = labelsOf(instance).find((label) => isExpiredOfOther(label, owner, askedAtMs));
    return text === undefined
      ? []
      : [{ instanceId: instance.instanceId, label: text, usdPerHour: instance.usdPerHour }];
  });
  const openReservations = reservations.flatMap(({ key, unansweredSinceMs }) => {
    const [keyOwner, session, run] = key.split(':');
    const isOurs = keyOwner === owner && session !== undefined && run !== undefined;
    return isOurs ? [{ session, run, unansweredSinceMs }] : [];
  });
  const suspectSinceMs = await lastSuspects(deps);
  return { ours, expiredOfOthers, openReservations, stopped: stoppedOf(instances), suspectSinceMs };
}

/** By what Temporal lists, since a run that was triggered (every worker's start does) is not given the result before it. */
async function lastSuspects(deps: Deps): Promise<Survey['suspectSinceMs']> {
  const query = "WorkflowType = 'reapOrphans' AND ExecutionStatus = 'Completed'";
  let looked = 0;
  for await (const { workflowId, runId } of deps.temporal.workflow.list({
    query,
    pageSize: RUNS_LOOKED_AT,
  })) {
    looked += 1;
    if (looked > RUNS_LOOKED_AT) break;
    // A person's runs may mean another owner, and come in any number.
    if (workflowId.startsWith(`${REAP_SCHEDULE_ID}/`)) continue;
    const result = await resultOf<Partial<Survey>>(deps, workflowId, runId);
    if (result !== null) return result.suspectSinceMs ?? {};
  }
  return {};
}

/**
 * What a finished run returned; null where Temporal lists it and does not have it. Its lists are kept apart from its
 * histories: put back from a backup of a moment later, they name runs that are forgotten.
 */
export async function resultOf<Result>(
  { temporal }: Pick<Deps, 'temporal'>,
  workflowId: string,
  runId: string,
): Promise<Result | null> {
  const handle = temporal.workflow.getHandle(workflowId, runId);
  try {
    return await temporal.withDeadline(Date.now() + DESCRIBE_DEADLINE_MS, () => handle.result());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

function stoppedOf(instances: readonly Instance[]): IdleBilling[] {
  return instances
    .filter(({ intendedStatus, actualStatus }) => intendedStatus === 'stopped' || actualStatus === 'exited')
    .slice(0, IDLE_SHOWN_MAX)
    .map(({ instanceId, label, storageUsdPerHour }) => ({
      kind: 'instance',
      id: instanceId,
      label,
      usdPerHour: storageUsdPerHour,
    }));
}

/** Volumes of the account: they outlive every instance. Throws when the list cannot be had. */
export async function findIdleVolumes(deps: Deps): Promise<IdleBilling[]> {
  const volumes = await deps.vast.listVolumes({ deadlineMs: Date.now() + VOLUMES_MS });
  return volumes
    .slice(0, IDLE_SHOWN_MAX)
    .map(({ volumeId, label, usdPerHour }) => ({ kind: 'volume', id: volumeId, label, usdPerHour }));
}

/** Puts our label back on an instance where somebody has changed it in the console. */
export async function restoreLabel(
  deps: Deps,
  { instanceId, label }: { instanceId: number; label: string },
): Promise<void> {
  await deps.vast.labelInstance(instanceId, label, { deadlineMs: Date.now() + LABEL_MS });
}

/** A ledger that is gone has nothing to settle; it is opened again by whoever needs money next. */
async function openReservationsOf(
  deps: Deps,
): Promise<{ readonly key: string; readonly unansweredSinceMs: number | null }[]> {
  try {
    const { openKeys, unansweredSinceMs = {} } = await deps.ledger.read(ledgerQuery);
    return openKeys.map((key) => ({ key, unansweredSinceMs: unansweredSinceMs[key] ?? null }));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

/** What Temporal knows of each session, by `describe()`: never a query, which a stuck workflow cannot answer. */
export async function describeSessions(
  deps: Deps,
  order: { sessions: readonly string[] },
): Promise<Record<string, SessionFacts>> {
  const facts: Record<string, SessionFacts> = {};
  const waiting = order.sessions.values();
  const takeTurns = async (): Promise<void> => {
    for (const session of waiting) facts[session] = await describeSession(deps, session);
  };
  await Promise.all(Array.from({ length: DESCRIBES_AT_ONCE }, takeTurns));
  return facts;
}

/**
 * Settles a run that ended without doing so itself: its receipt, where it wrote none, then its money.
 *
 * An archive that cannot be written does not hold the money; the audit writes the receipt later.
 */
export async function settleTerminated(deps: Deps, order: { session: string; run: string }): Promise<void> {
  try {
    await archiveTerminated(deps, order);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ArchiveError')) throw error;
    log.warn('the receipt of a terminated session could not be archived', { ...order, why: error.message });
  }
  await deps.ledger.call(closeUpdate, {
    key: reservationKey({ owner: deps.installation.owner, ...order }),
    usd: null,
  });
}

async function describeSession(deps: Deps, session: string): Promise<SessionFacts> {
  try {
    const described = await deps.temporal.withDeadline(Date.now() + DESCRIBE_DEADLINE_MS, () =>
      deps.temporal.workflow.getHandle(sessionWorkflowId(session)).describe(),
    );
    const memo = (described.memo ?? {}) as Partial<SessionMemo>;
    if (described.status.name !== 'RUNNING') {
      return { kind: 'closed', run: memo.run ?? null, wroteReceipt: described.status.name === 'COMPLETED' };
    }
    // A memo that is not there yet claims nothing: its first label enters it before any create.
    return {
      kind: 'open',
      run: memo.run ?? null,
      claims: memo.claims ?? [],
      endsByMs: memo.ends_by ? Date.parse(memo.ends_by) : null,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'unknown' };
    throw error;
  }
}

function isExpiredOfOther(text: string, owner: string, nowMs: number): boolean {
  const label = parseLabel(text);
  return (
    label !== null &&
    !text.startsWith(ownerPrefix(owner)) &&
    nowMs > label.expiresAtSec * 1_000 + REAP_GRACE_MS
  );
}
