import { randomUUID } from 'node:crypto';
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Archive } from './archive/archive.ts';
import { chargesOfOwner } from './domain/auditing.ts';
import { type LedgerSettings, lookBackStart, reservationKey } from './domain/ledger.ts';
import type { Installation } from './installation.ts';
import { withDeadline } from './temporal/connection.ts';
import type { VastClient } from './vast/client.ts';
import { ledgerWorkflowId, sessionOfWorkflowId, TASK_QUEUES } from './workflows/ids.ts';
import {
  configureUpdate,
  type LedgerMemo,
  type RebuildOrder,
  rebuildUpdate,
  type SessionMemo,
} from './workflows/messages.ts';

/** What makes this installation the one that the ledger knows. */
export type Binding = { readonly owner: string; readonly apiUrl: string; readonly accountId: string };

/**
 * The home, the market or the Temporal is not the one this installation belongs to. Nothing may be concluded
 * from what it does not know, and nothing be destroyed.
 */
export class NotThisInstallation extends Error {
  constructor(part: string, remedy: string) {
    super(`This is not the installation that Temporal knows: ${part} ${remedy}`);
    this.name = 'NotThisInstallation';
  }
}

const CALL_MS = 20_000;
/** A new ledger looks back as far as its period does, and a period without end this far. */
const LOOK_BACK_MS_MAX = 90 * 86_400_000;

/** Compares the installation with the ledger's memo; throws a `NotThisInstallation` that names what differs. */
export async function checkBinding(
  temporal: Client,
  installation: Pick<Installation, 'home' | 'hasKnownLedger'>,
  binding: Binding,
): Promise<void> {
  const memo = await ledgerMemo(temporal, binding.owner);
  if (memo === null) {
    if (!installation.hasKnownLedger) return;
    throw new NotThisInstallation(
      `the home ${installation.home} (owner ${binding.owner}) has a ledger, and this Temporal has never known it.`,
      'Connect to the Temporal it was used with (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE), or use another LEASH_HOME. If that Temporal is lost for good: leash adopt.',
    );
  }
  if (memo.owner !== binding.owner) throw differs('owner', memo.owner, binding.owner);
  if (memo.api_url !== binding.apiUrl) throw differs('market', memo.api_url, binding.apiUrl);
  if (memo.account_id !== binding.accountId) throw differs('account', memo.account_id, binding.accountId);
}

/** Starts the ledger where there is none, tells it limit and period, and gives a new one back what was spent. */
export async function openLedger(open: {
  temporal: Client;
  vast: VastClient;
  archive: Archive;
  installation: Installation;
  binding: Binding;
  settings: LedgerSettings;
}): Promise<void> {
  const { temporal, binding } = open;
  await startLedger(temporal, binding);
  open.installation.noteLedger();
  const ledger = temporal.workflow.getHandle(ledgerWorkflowId(binding.owner));
  const summary = await withDeadline(temporal, CALL_MS, () =>
    ledger.executeUpdate(configureUpdate, { args: [open.settings], updateId: randomUUID() }),
  );
  if (summary.isRebuilt) return;
  const found = await whatWasSpent(open);
  await withDeadline(temporal, CALL_MS, () =>
    ledger.executeUpdate(rebuildUpdate, { args: [found], updateId: randomUUID() }),
  );
}

/**
 * Makes the ledger of an installation in a Temporal that has never known it, for when the one that did is lost: false
 * where there is one already, which must be this installation's. It grants nothing until the first worker that starts
 * has read back what was spent.
 */
export async function adoptLedger(
  temporal: Client,
  installation: Pick<Installation, 'home'>,
  binding: Binding,
): Promise<boolean> {
  if ((await ledgerMemo(temporal, binding.owner)) === null) {
    await startLedger(temporal, binding);
    return true;
  }
  await checkBinding(temporal, { ...installation, hasKnownLedger: true }, binding);
  return false;
}

/** Nothing where it runs already. */
async function startLedger(temporal: Client, binding: Binding): Promise<void> {
  const memo: LedgerMemo = { owner: binding.owner, api_url: binding.apiUrl, account_id: binding.accountId };
  try {
    await withDeadline(temporal, CALL_MS, () =>
      temporal.workflow.start('budgetLedger', {
        workflowId: ledgerWorkflowId(binding.owner),
        taskQueue: TASK_QUEUES.sessions,
        args: [{ owner: binding.owner }],
        memo,
        staticSummary: 'Budget of this installation',
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/**
 * What the period's closed sessions cost, each by the larger of archive and provider's charges, which lag; and the
 * budgets of sessions that are still open.
 *
 * What an open session was charged is left out: its reservation covers that, and its receipt will add it.
 */
async function whatWasSpent(open: {
  temporal: Client;
  vast: VastClient;
  archive: Archive;
  binding: Binding;
  settings: Pick<LedgerSettings, 'period'>;
}): Promise<RebuildOrder> {
  const { temporal, vast, archive, binding } = open;
  const nowMs = Date.now();
  const sinceMs = lookBackStart(open.settings.period, nowMs) ?? nowMs - LOOK_BACK_MS_MAX;
  const span = { fromMs: sinceMs, toMs: nowMs + 86_400_000 };
  const charges = chargesOfOwner(await vast.listCharges(span), binding.owner);
  const sessions = await openSessions(temporal, binding.owner);
  const openKeys = new Set(sessions.map(({ key }) => key));
  const settled: Record<string, { usd: number; atMs: number }> = {};
  for (const { key, usd, toMs } of charges) {
    const before = settled[key];
    settled[key] = { usd: (before?.usd ?? 0) + usd.total, atMs: Math.max(before?.atMs ?? 0, toMs) };
  }
  for (const { session, run, usd, endedAtMs } of await archive.receipts(span)) {
    const key = reservationKey({ owner: binding.owner, session, run });
    settled[key] = { usd: Math.max(usd, settled[key]?.usd ?? 0), atMs: settled[key]?.atMs ?? endedAtMs };
  }
  for (const key of openKeys) delete settled[key];
  const spentUsd = Object.values(settled).reduce((sum, { usd }) => sum + usd, 0);
  return { spentUsd, open: sessions, settled, sinceMs };
}

async function openSessions(temporal: Client, owner: string): Promise<RebuildOrder['open']> {
  const open: RebuildOrder['open'][number][] = [];
  const query = "WorkflowType = 'gpuSession' AND ExecutionStatus = 'Running'";
  for await (const { workflowId, memo, startTime } of temporal.workflow.list({ query })) {
    const session = sessionOfWorkflowId(workflowId);
    const known = (memo ?? {}) as Partial<SessionMemo>;
    const { run, request, owner: theirs } = known;
    if (session === null || run === undefined || request === undefined || theirs !== owner) continue;
    if (!mayHoldInstances(known)) continue;
    open.push({
      key: reservationKey({ owner, session, run }),
      session,
      capUsd: request.budgetUsd,
      openedAtMs: startTime.getTime(),
    });
  }
  return open;
}

/**
 * Whether a session may have been taken on. One that only searches asks for its money itself, before its first
 * offer or with its next: were it given a reservation here, those still waiting for one would exceed the limit.
 */
function mayHoldInstances({ claims, state }: Partial<SessionMemo>): boolean {
  return (claims?.length ?? 0) > 0 || (state !== 'SEARCHING' && state !== 'IDLE');
}

async function ledgerMemo(temporal: Client, owner: string): Promise<LedgerMemo | null> {
  try {
    const described = await withDeadline(temporal, CALL_MS, () =>
      temporal.workflow.getHandle(ledgerWorkflowId(owner)).describe(),
    );
    return (described.memo ?? null) as LedgerMemo | null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

function differs(part: string, known: string, given: string): NotThisInstallation {
  return new NotThisInstallation(
    `its ${part} is ${known}, and here it is ${given}.`,
    'Use another LEASH_HOME for another market or account; one home belongs to one of each.',
  );
}
