import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { LaunchPlan } from '../domain/plan.ts';
import { policyOf } from '../domain/policy.ts';
import { Problem } from '../domain/problem.ts';
import type { BudgetNumbers, SessionRequest } from '../domain/session.ts';
import { marketWorkflowId } from '../workflows/ids.ts';
import type { MarketAnswer, MarketQuestion } from '../workflows/messages.ts';
import { askByWorkflow } from './asking.ts';
import { type Context, QUERY_MS } from './context.ts';

export type PlanQuestion = {
  /** What is asked about, as it stands in the workflow's id. */
  readonly call: 'offers' | 'plan';
  readonly request: SessionRequest;
};

/** Past the market's own time: the question's start, its activity's and its answer's way back. */
const ROOM_MS = 8_000;

/**
 * What a launch would do and cost, asked of the market through a worker, which alone holds its key.
 *
 * Throws market-refused, market-unreachable, no-worker.
 */
export async function planSession(
  context: Context,
  { call, request }: PlanQuestion,
  readLedger: () => Promise<BudgetNumbers>,
): Promise<LaunchPlan> {
  const policy = { ...policyOf(context.config), ...context.policy };
  // Only a plan shows checkpoint 1, and one without it is better than none.
  const unread = pause(QUERY_MS, null, { ref: false });
  const ledger = call === 'plan' ? await Promise.race([readLedger().catch(() => null), unread]) : null;
  const asked: MarketQuestion = { request, policy, ledger };
  const answer = await askByWorkflow<MarketAnswer>(context, {
    workflowType: 'marketQuestion',
    workflowId: marketWorkflowId(call, randomUUID()),
    args: [asked],
    forMs: policy.searchTimeoutMs + ROOM_MS,
    summary: `${call} for ${request.model}`,
    tried: 'ask the market for offers',
  });
  if (answer.kind === 'plan') return answer.plan;
  throw new Problem(
    answer.kind,
    answer.kind === 'market-refused'
      ? `${answer.message} Check VASTAI_API_KEY and the account.`
      : answer.message,
  );
}
