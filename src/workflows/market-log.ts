import { ActivityFailure, TimeoutFailure } from '@temporalio/workflow';
import type { LogAnswer, LogOrder } from '../activities/read-log.ts';
import { question } from './policies.ts';

export type { LogAnswer, LogOrder } from '../activities/read-log.ts';

/** More than the read itself may take: its answer must still arrive. */
const ROOM_MS = 2_000;

/** Reads an instance's log once for somebody who waits: only workers hold the market's key. */
export async function marketLog(order: LogOrder): Promise<LogAnswer> {
  const { readLog } = question({
    summary: `log of instance ${order.instanceId}`,
    forMs: order.timeoutMs + ROOM_MS,
  });
  try {
    return await readLog(order);
  } catch (error) {
    // Anything else is a bug, and left to show.
    if (!(error instanceof ActivityFailure && error.cause instanceof TimeoutFailure)) throw error;
    const message = `The market did not hand over the log within ${Math.ceil(order.timeoutMs / 1_000)} s.`;
    return { kind: 'market-unreachable', message };
  }
}
