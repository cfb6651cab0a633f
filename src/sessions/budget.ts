import { WorkflowNotFoundError } from '@temporalio/client';
import type { BudgetAlert } from '../domain/budget-outlook.ts';
import type { LedgerNumbers } from '../domain/ledger.ts';
import { withDeadline } from '../temporal/connection.ts';
import { ledgerWorkflowId } from '../workflows/ids.ts';
import { ledgerQuery } from '../workflows/messages.ts';
import { CALL_MS, type Context } from './context.ts';
import { explainSilence, noWorker } from './refusals.ts';

/** The budget of the installation, as its ledger has it now. */
export type Budget = LedgerNumbers & {
  readonly freeUsd: number;
  readonly period: string;
  readonly periodEndMs: number | null;
  /** Thresholds of the limit that were reached in this period. */
  readonly alerts: readonly BudgetAlert[];
  /** How many were ever reached. */
  readonly alertsFired: number;
  /** When the limit is reached at what is burning now; null while nothing is, or when the period ends first. */
  readonly projectedBreachAtMs: number | null;
};

export async function readBudget({
  client,
  installation,
}: Pick<Context, 'client' | 'installation'>): Promise<Budget> {
  const ledger = client.workflow.getHandle(ledgerWorkflowId(installation.owner));
  try {
    const summary = await withDeadline(client, CALL_MS, () => ledger.query(ledgerQuery, Date.now()));
    return { ...summary, freeUsd: Math.max(0, summary.limitUsd - summary.spentUsd - summary.reservedUsd) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      throw noWorker('The ledger has not been opened yet: no worker has run here.');
    }
    throw await explainSilence(client, error, 'the ledger');
  }
}
