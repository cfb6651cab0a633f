import { randomUUID } from 'node:crypto';
import { Problem } from '../domain/problem.ts';
import { marketWorkflowId } from '../workflows/ids.ts';
import type { LogAnswer, LogOrder } from '../workflows/market-log.ts';
import { askByWorkflow } from './asking.ts';
import type { Context } from './context.ts';
import { readStatus } from './records.ts';

export type LogsOrder = { readonly session: string; readonly tail: number; readonly filter: string | null };
export type Logs = {
  readonly session: string;
  readonly instanceId: number;
  readonly lines: readonly string[];
};

const READ_MS = 30_000;
const ROOM_MS = 8_000;

/** The log of the session's instance, asked of the market through a worker. Throws `not-found` where there is none. */
export async function readSessionLogs(context: Context, order: LogsOrder): Promise<Logs> {
  const { session, tail, filter } = order;
  const { state, instanceId } = await readStatus(context, session);
  if (state === 'IDLE' || instanceId === null) {
    throw new Problem(
      'not-found',
      `Session ${session} has no instance now, and the log of one goes with it. Its events tell what it died of.`,
    );
  }
  const read: LogOrder = { instanceId, tail, filter, timeoutMs: READ_MS };
  const answer = await askByWorkflow<LogAnswer>(context, {
    workflowType: 'marketLog',
    workflowId: marketWorkflowId('logs', randomUUID()),
    args: [read],
    forMs: READ_MS + ROOM_MS,
    summary: `log of ${session}, instance ${instanceId}`,
    tried: `read the log of ${session}`,
  });
  if (answer.kind !== 'lines') throw new Problem(answer.kind, answer.message);
  return { session, instanceId, lines: answer.lines };
}
