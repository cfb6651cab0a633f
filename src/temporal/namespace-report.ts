import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { RETENTION_DAYS, SEARCH_ATTRIBUTES } from './namespace.ts';

/** What a namespace has; `null` days where there is none, `null` attributes where the server does not say. */
export type NamespaceLook = {
  readonly retentionDays: number | null;
  readonly attributes: readonly string[] | null;
};

const GRPC = { notFound: 5, permissionDenied: 7, unimplemented: 12 } as const;
const SECONDS_PER_DAY = 86_400;

/** Looks and changes nothing. Temporal Cloud refuses to list attributes; a missing one shows when it is used. */
export async function lookAtNamespace(connection: Connection, namespace: string): Promise<NamespaceLook> {
  const retentionDays = await retentionOf(connection, namespace);
  if (retentionDays === null) return { retentionDays, attributes: [] };
  const attributes = await connection.operatorService.listSearchAttributes({ namespace }).then(
    ({ customAttributes }) => Object.keys(customAttributes ?? {}),
    (error: unknown) => {
      if (!hasCode(error, GRPC.permissionDenied, GRPC.unimplemented)) throw error;
      return null;
    },
  );
  return { retentionDays, attributes };
}

/** What was done between two looks, and what is left to do by hand. */
export function namespaceReport(namespace: string, before: NamespaceLook, after: NamespaceLook): string[] {
  return [
    before.retentionDays === null ? `made: namespace ${namespace}` : `was there: namespace ${namespace}`,
    retentionLine(before.retentionDays, after.retentionDays ?? 0),
    ...attributeLines(before.attributes, after.attributes),
  ];
}

async function retentionOf(connection: Connection, namespace: string): Promise<number | null> {
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / SECONDS_PER_DAY;
  } catch (error) {
    if (hasCode(error, GRPC.notFound)) return null;
    throw error;
  }
}

function retentionLine(beforeDays: number | null, days: number): string {
  if (days < RETENTION_DAYS)
    return `by hand: this server does not let retention be set from here: it is ${days} days, raise it to ${RETENTION_DAYS}`;
  if (beforeDays === null) return `made: retention of ${days} days`;
  return beforeDays < days
    ? `raised: retention from ${beforeDays} to ${days} days`
    : `was there: retention of ${days} days`;
}

function attributeLines(before: readonly string[] | null, after: readonly string[] | null): string[] {
  const wanted = Object.keys(SEARCH_ATTRIBUTES);
  if (before === null || after === null) return [`was there: search attributes ${wanted.join(', ')}`];
  const made = wanted.filter((name) => !before.includes(name));
  const kept = wanted.filter((name) => before.includes(name));
  return [
    ...(made.length > 0 ? [`made: search attributes ${made.join(', ')}`] : []),
    ...(kept.length > 0 ? [`was there: search attributes ${kept.join(', ')}`] : []),
  ];
}

function hasCode(error: unknown, ...codes: number[]): boolean {
  return isGrpcServiceError(error) && codes.includes(error.code);
}
