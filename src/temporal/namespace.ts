import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { errorText, untilDeadline } from './waiting.ts';

/** Numbers of Temporal's API: enums `IndexedValueType` and `TaskQueueType`, and gRPC's status codes. */
const INDEXED_VALUE_TYPE = { Keyword: 2, Double: 4 } as const;
const TASK_QUEUE_TYPE_WORKFLOW = 1;
const GRPC = { notFound: 5, alreadyExists: 6, permissionDenied: 7, unimplemented: 12 } as const;

/** How long Temporal keeps a closed session, and with it the timeline that its Web UI shows. */
export const RETENTION_DAYS = 30;
const RETENTION_MS = RETENTION_DAYS * 86_400_000;

export type SearchAttributeType = 'Keyword' | 'Double';

/** What sessions can be listed and filtered by. SQL stores allow ten Keywords and three Doubles. */
export const SEARCH_ATTRIBUTES = {
  SessionState: 'Keyword',
  SessionOutcome: 'Keyword',
  GpuName: 'Keyword',
  InstanceId: 'Keyword',
  Owner: 'Keyword',
  UsdPerHour: 'Double',
} as const satisfies Record<string, SearchAttributeType>;

/**
 * Makes `namespace` ready for sessions: it exists, keeps closed runs for 30 days, knows our search
 * attributes, and accepts work. Safe to repeat and to run from several processes at once.
 *
 * @throws when the namespace is not usable within `timeoutMs`
 */
export async function ensureNamespace(
  connection: Connection,
  namespace: string,
  { timeoutMs = 30_000 }: { timeoutMs?: number } = {},
): Promise<void> {
  const outcome = await untilDeadline(timeoutMs, async () => {
    await ensureExists(connection, namespace);
    await registerSearchAttributes(connection, namespace);
    await checkUsable(connection, namespace);
  });
  if (outcome.kind === 'done') return;
  throw new Error(
    `Temporal's namespace ${namespace} was not ready within ${timeoutMs / 1_000} s: ` +
      `${errorText(outcome.lastError)}. Where its server forbids making namespaces, create it by hand ` +
      `(\`temporal operator namespace create -n ${namespace} --retention ${RETENTION_DAYS}d\`) and add the search attributes ` +
      `${Object.entries(SEARCH_ATTRIBUTES)
        .map(([name, type]) => `${name} (${type})`)
        .join(', ')}.`,
    { cause: outcome.lastError },
  );
}

/**
 * Registers our search attributes. Repeating it is harmless.
 *
 * Temporal Cloud refuses the operator service: there they are made by its own API or command line, and
 * `checkUsable` tells whether they were.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const searchAttributes = Object.fromEntries(
    Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [name, INDEXED_VALUE_TYPE[type]]),
  );
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (!hasCode(error, GRPC.alreadyExists, GRPC.permissionDenied, GRPC.unimplemented)) throw error;
  }
}

async function ensureExists(connection: Connection, namespace: string): Promise<void> {
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    const keptSeconds = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
    if (keptSeconds * 1_000 < RETENTION_MS) await extendRetention(connection, namespace);
  } catch (error) {
    if (!hasCode(error, GRPC.notFound)) throw error;
    await connection.workflowService
      .registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(RETENTION_MS) })
      .catch((failure: unknown) => {
        if (!hasCode(failure, GRPC.alreadyExists)) throw failure;
      });
  }
}

/** A namespace of Temporal Cloud has its retention from its owner, and stays as they chose. */
async function extendRetention(connection: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionTtl = msToTs(RETENTION_MS);
  try {
    await connection.workflowService.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl },
    });
  } catch (error) {
    if (!hasCode(error, GRPC.permissionDenied, GRPC.unimplemented)) throw error;
  }
}

/**
 * Asks each part of the server that a session needs, for each learns of a new namespace in its own
 * time (seconds): visibility with our attributes, the task queues, and the histories, which know the
 * namespace once they answer that there is no such workflow.
 */
async function checkUsable(connection: Connection, namespace: string): Promise<void> {
  const query = Object.entries(SEARCH_ATTRIBUTES)
    .map(([name, type]) => (type === 'Keyword' ? `${name} = 'none'` : `${name} < 0`))
    .join(' AND ');
  await connection.workflowService.countWorkflowExecutions({ namespace, query });
  await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: 'namespace-check' },
    taskQueueType: TASK_QUEUE_TYPE_WORKFLOW,
  });
  try {
    await connection.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId: 'namespace-check' },
    });
  } catch (error) {
    if (
      !hasCode(error, GRPC.notFound) ||
      /namespace/i.test(errorText(error).replace('namespace-check', ''))
    ) {
      throw error;
    }
  }
}

function hasCode(error: unknown, ...codes: number[]): boolean {
  return isGrpcServiceError(error) && codes.includes(error.code);
}
