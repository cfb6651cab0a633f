import { log, setCurrentDetails } from '@temporalio/workflow';
import type { AuditFindings, AuditMemory } from '../activities/audit.ts';
import { forWebUi, usd } from '../domain/budget.ts';
import { destroy, long } from './policies.ts';

export type AuditInput = {
  readonly owner: string;
  readonly unknownMax: number;
  /** How long the provider goes on billing after an instance is gone. */
  readonly tailMs: number;
  /** The run that people read: it tells of each correction, not only how many. */
  readonly isReport?: boolean;
};

export type AuditReport = Omit<AuditFindings, 'verdicts'> &
  AuditMemory & {
    readonly destroyed: readonly { instanceId: number; label: string; why: string }[];
  };

const GONE_IDS_KEPT = 1_000;

/**
 * Holds our books against the provider's charges: the ledger is corrected, receipts become final, and an instance
 * that is charged for and in no account of ours is destroyed. It is the third witness, for a create that was
 * neither answered nor ever listed.
 */
export async function auditBudget(input: AuditInput): Promise<AuditReport> {
  const { verdicts, ...findings } = await long({ summary: 'compare with the charges' }).auditBooks({
    nowMs: Date.now(),
    tailMs: input.tailMs,
    unknownMax: input.unknownMax,
  });
  const doomed = verdicts.filter(({ action }) => action === 'destroy');
  const answers = [];
  // One by one: an answer to many together does not say which of them were gone already.
  for (const { instanceId, label, why } of doomed) {
    log.warn('destroying an instance that is charged for and nobody wants', { instanceId, label, why });
    const { kind } = await destroy({ summary: `destroy ${instanceId}: ${why}` }).destroyInstance({
      instanceId,
      orphan: { label, why },
    });
    answers.push({ instanceId, label, why, kind });
  }
  const gone = answers.filter(({ kind }) => kind === 'gone').map(({ instanceId }) => instanceId);
  const report: AuditReport = {
    ...findings,
    destroyed: answers
      .filter(({ kind }) => kind === 'accepted')
      .map(({ instanceId, label, why }) => ({ instanceId, label, why })),
    suspects: verdicts.filter(({ action }) => action === 'report').map(({ instanceId }) => instanceId),
    goneIds: [...findings.goneIds, ...gone].slice(-GONE_IDS_KEPT),
  };
  setCurrentDetails(forWebUi(story(report)));
  log.info('compared the books with the charges', {
    chargedUsd: report.chargedUsd,
    contracts: report.contracts,
    corrected: report.corrected.length,
    madeFinal: report.madeFinal,
    destroyed: report.destroyed.length,
  });
  if (input.isReport === true) for (const one of report.corrected) log.info('report: corrected', { ...one });
  return report;
}

function story(report: AuditReport): string {
  const corrections = report.corrected.map(
    ({ key, fromUsd, toUsd }) => `- ledger: ${key} cost ${usd(toUsd)}, not ${usd(fromUsd)}`,
  );
  const destroyed = report.destroyed.map(({ instanceId, why }) => `- destroyed ${instanceId}: ${why}`);
  return [
    `**${usd(report.chargedUsd)} charged for ${report.contracts} contracts of ours**`,
    `${report.corrected.length} corrections, ${report.madeFinal} receipts made final, ${report.archived} archived late`,
    ...corrections,
    ...destroyed,
  ].join('\n\n');
}
