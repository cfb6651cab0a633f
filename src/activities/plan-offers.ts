import { planLaunch } from '../domain/plan.ts';
import { DEFAULT_SCORE_WEIGHTS, needOf } from '../domain/ranking.ts';
import { MarketError } from '../vast/client.ts';
import type { MarketAnswer, MarketQuestion } from '../workflows/messages.ts';
import type { Deps } from './deps.ts';
import { machineAdvice } from './machine-memory.ts';
import { toSearch } from './search-offers.ts';
import { whileBeating } from './watching.ts';

const HEARTBEAT_MS = 5_000;

/** The plan of a launch, from the search that launches share: it costs the market no call while that is fresh. */
export async function planOffers(
  deps: Deps,
  { request, policy, ledger }: MarketQuestion,
): Promise<MarketAnswer> {
  const need = needOf(request, {
    maxStartupMs: policy.maxStartupMs,
    bootTimeFactor: policy.bootTimeFactor,
    machineMemory: await machineAdvice(deps),
    weights: deps.scoreWeights ?? DEFAULT_SCORE_WEIGHTS,
  });
  try {
    const offers = await whileBeating({ heartbeatMs: HEARTBEAT_MS, details: () => null }, () =>
      deps.offers.search(toSearch(need), { deadlineMs: Date.now() + policy.searchTimeoutMs }),
    );
    return { kind: 'plan', plan: planLaunch({ request, need, policy, offers, ledger }) };
  } catch (error) {
    if (!(error instanceof MarketError)) throw error;
    return { kind: KINDS[error.kind], message: error.message };
  }
}

const KINDS = {
  auth: 'market-refused',
  refused: 'market-refused',
  'search-quota': 'market-refused',
  // Without a turn in time, or without a usable answer: asking again later is what helps.
  'too-many': 'market-unreachable',
  unreachable: 'market-unreachable',
  'server-error': 'market-unreachable',
  'bad-answer': 'market-unreachable',
} as const satisfies Record<MarketError['kind'], Exclude<MarketAnswer['kind'], 'plan'>>;
