import type { Client } from '@temporalio/client';
import type { ListFilter, SessionSummary } from '../client.ts';
import type { SessionState } from '../domain/session.ts';
import { withDeadline } from '../temporal/connection.ts';
import { decodeMessage } from '../temporal/data-converter.ts';
import { sessionOfWorkflowId } from '../workflows/ids.ts';
import { CALL_MS, type Context } from './context.ts';

const LIST_MAX = 200;
const LIST_DEFAULT = 50;
/** A receipt is of the moment before the run closes; a worker that was away can lie between the two. */
const RECEIPT_BEFORE_MS = 24 * 3_600_000;
/** Temporal's number for a run that completed. */
const COMPLETED = 2;

/** By visibility, which lags a little: for lists, not for decisions. */
export async function listSessions(
  { client, archive, logger }: Context,
  filter: ListFilter,
): Promise<{ items: SessionSummary[]; next: string | null }> {
  const clauses = ["WorkflowType = 'gpuSession'"];
  if (filter.open !== undefined) clauses.push(`ExecutionStatus ${filter.open ? '=' : '!='} 'Running'`);
  if (filter.state !== undefined) clauses.push(`SessionState = '${filter.state}'`);
  const answer = await withDeadline(client, CALL_MS, () =>
    client.workflowService.listWorkflowExecutions({
      namespace: client.options.namespace,
      query: clauses.join(' AND '),
      pageSize: Math.min(LIST_MAX, filter.limit ?? LIST_DEFAULT),
      ...(filter.after === undefined ? {} : { nextPageToken: Buffer.from(filter.after, 'base64url') }),
    }),
  );
  await decodeMessage(client, answer.executions ?? []);
  const items = (answer.executions ?? []).flatMap((listed) => {
    const session = sessionOfWorkflowId(listed.execution?.workflowId ?? '');
    return session === null ? [] : [summaryOf(session, listed)];
  });
  const spent = await spentBy(items, archive).catch((error: unknown) => {
    logger.warn({ err: error }, 'the archive does not tell what ended sessions have cost');
    return new Map<string, number>();
  });
  const token = answer.nextPageToken;
  return {
    items: items.map((item) => ({ ...item, spentUsd: spent.get(item.run ?? '') ?? null })),
    next: token && token.length > 0 ? Buffer.from(token).toString('base64url') : null,
  };
}

/** Dollars of the runs that have ended, by their receipts: one look into the archive for all. */
async function spentBy(
  items: readonly SessionSummary[],
  archive: Context['archive'],
): Promise<ReadonlyMap<string, number>> {
  const ended = items.flatMap(({ endedAtMs }) => (endedAtMs === null ? [] : [endedAtMs]));
  if (ended.length === 0) return new Map();
  const receipts = await archive.receipts({
    fromMs: Math.min(...ended) - RECEIPT_BEFORE_MS,
    toMs: Math.max(...ended) + 1,
  });
  // A final receipt stands beside the one it corrects: it comes last and wins.
  const inOrder = receipts.toSorted((one, other) => Number(one.isFinal) - Number(other.isFinal));
  return new Map(inOrder.map(({ run, usd }) => [run, usd]));
}

type Listed = NonNullable<
  Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>>['executions']
>[number];

function summaryOf(session: string, listed: Listed): SessionSummary {
  const attribute = (name: string): unknown => decoded(listed.searchAttributes?.indexedFields?.[name]?.data);
  const noted = (name: string): unknown => decoded(listed.memo?.fields?.[name]?.data);
  const [run, model, request] = [noted('run'), noted('model'), noted('request')];
  const endedAtMs = millis(listed.closeTime);
  const wasEndedFromOutside = endedAtMs !== null && listed.status !== COMPLETED;
  return {
    session,
    state:
      endedAtMs === null ? ((attribute('SessionState') as SessionState | undefined) ?? 'SEARCHING') : 'IDLE',
    outcome:
      (attribute('SessionOutcome') as string | undefined) ?? (wasEndedFromOutside ? 'terminated' : null),
    gpu: (attribute('GpuName') as string | undefined) ?? null,
    instanceId: (attribute('InstanceId') as string | undefined) ?? null,
    usdPerHour: (attribute('UsdPerHour') as number | undefined) ?? null,
    startedAtMs: millis(listed.startTime) ?? 0,
    endedAtMs,
    run: typeof run === 'string' ? run : null,
    model: typeof model === 'string' ? model : null,
    budgetUsd: budgetIn(request),
  };
}

function budgetIn(request: unknown): number | null {
  const budgetUsd: unknown =
    typeof request === 'object' && request !== null ? Reflect.get(request, 'budgetUsd') : null;
  return typeof budgetUsd === 'number' ? budgetUsd : null;
}

/** A payload's JSON; search attributes may come as lists of one. */
function decoded(data: Uint8Array | null | undefined): unknown {
  if (!data || data.length === 0) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    return Array.isArray(value) ? value[0] : (value ?? undefined);
  } catch {
    return undefined;
  }
}

function millis(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number | null {
  if (!time?.seconds) return null;
  return Number(time.seconds) * 1_000 + Math.floor((time.nanos ?? 0) / 1e6);
}
