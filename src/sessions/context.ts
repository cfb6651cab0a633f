import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Archive } from '../archive/archive.ts';
import type { Config } from '../config.ts';
import type { Policy } from '../domain/policy.ts';
import type { Installation } from '../installation.ts';
import { sessionWorkflowId } from '../workflows/ids.ts';
import type { ServingTable } from './serving-table.ts';

/** What every call on sessions works with, once per process. */
export type Context = {
  readonly client: Client;
  readonly archive: Archive;
  readonly config: Config;
  readonly installation: Installation;
  readonly logger: Logger;
  readonly table: ServingTable;
  /** For tests: durations that no setting names. */
  readonly policy?: Partial<Policy> | undefined;
};

/** For a call that Temporal answers by itself. */
export const CALL_MS = 10_000;
/** For a question that only a worker can answer. */
export const QUERY_MS = 2_000;

export function sessionHandle({ client }: Pick<Context, 'client'>, session: string) {
  return client.workflow.getHandle(sessionWorkflowId(session));
}
