import { log } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { labelsOf } from '../domain/instance.ts';
import { ownerPrefix, parseLabel } from '../domain/label.ts';
import { reservationKey } from '../domain/ledger.ts';
import { labelOfOwner, REAP_GRACE_MS, type ReaperInstance, type SessionFacts } from '../domain/reaping.ts';
import { sessionWorkflowId } from '../workflows/ids.ts';
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
  readonly openReservations: readonly { readonly session: string; readonly run: string }[];
};

const DESCRIBE_DEADLINE_MS = 15_000;

/** Whose instances are meant; left out, our own. */
export type SurveyOrder = { readonly owner?: string };

/** Everything of ours on the market, by one complete list; a failed page ends the run. */
export async function surveyInstances(deps: Deps, order: SurveyOrder = {}): Promise<Survey> {
  const owner = order.owner ?? deps.installation.owner;
  const openKeys = await openKeysOf(deps);
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
  const openReservations = openKeys.flatMap((key) => {
    const [keyOwner, session, run] = key.split(':');
    return keyOwner === owner && session !== undefined && run !== undefined ? [{ session, run }] : [];
  });
  return { ours, expiredOfOthers, openReservations };
}

/** A ledger that is gone has nothing to settle; it is opened again by whoever needs money next. */
async function openKeysOf(deps: Deps): Promise<readonly string[]> {
  try {
    return (await deps.ledger.read(ledgerQuery)).openKeys;
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
  for (const session of order.sessions) facts[session] = await describeSession(deps, session);
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
