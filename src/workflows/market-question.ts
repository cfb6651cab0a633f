import { ActivityFailure, TimeoutFailure } from '@temporalio/workflow';
import type { MarketAnswer, MarketQuestion } from './messages.ts';
import { question } from './policies.ts';

/** More than the search itself may take: its answer must still arrive. */
const ROOM_MS = 2_000;

/** Asks the market once for somebody who waits: only workers hold its key, and share what it answered. */
export async function marketQuestion(asked: MarketQuestion): Promise<MarketAnswer> {
  const timeoutMs = asked.policy.searchTimeoutMs;
  const { planOffers } = question({
    summary: `offers for ${asked.request.model}`,
    forMs: timeoutMs + ROOM_MS,
  });
  try {
    return await planOffers(asked);
  } catch (error) {
    // Anything else is a bug, and left to show.
    if (!(error instanceof ActivityFailure && error.cause instanceof TimeoutFailure)) throw error;
    const message = `The market did not answer within ${Math.ceil(timeoutMs / 1_000)} s.`;
    return { kind: 'market-unreachable', message };
  }
}
