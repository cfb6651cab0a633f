import { Context } from '@temporalio/activity';
import type { Choice } from '../domain/attempt.ts';
import { affords, type Spending } from '../domain/budget.ts';
import {
  choiceOf,
  DEFAULT_SCORE_WEIGHTS,
  type Need,
  needOf,
  type RejectedOffer,
  rankOffers,
} from '../domain/ranking.ts';
import type { SessionRequest } from '../domain/session.ts';
import { MarketError, type OfferSearch } from '../vast/client.ts';
import type { Deps } from './deps.ts';
import { machineAdvice } from './machine-memory.ts';
import { whileBeating } from './watching.ts';

export type SearchOrder = {
  readonly request: SessionRequest;
  readonly maxStartupMs: number;
  readonly bootTimeFactor: number;
  readonly timeoutMs: number;
  readonly blockedMachines: readonly number[];
  /** Offers that this session had already; a search scheduled by 0.1.0 names none. */
  readonly triedOffers?: readonly number[];
  /** What the budget is bound by already; a search scheduled by 0.1.0 names none. */
  readonly spending?: Spending;
};

export type SearchResult =
  | {
      readonly kind: 'found';
      readonly choices: readonly Choice[];
      readonly offersSeen: number;
      readonly offersFit?: number;
    }
  /** `why` counts the reasons, most frequent first, so that an empty search can be understood. */
  | { readonly kind: 'none'; readonly offersSeen: number; readonly why: string }
  | { readonly kind: 'quota'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string };

/** What a workflow is given to try: enough for every attempt of a launch, and small in history. */
const CHOICES_MAX = 16;
/** A search waits for its turns: beating, a dead worker's is taken up by another soon. */
const HEARTBEAT_MS = 5_000;

/** One shared query for every GPU of the tiers; everything is judged again here, as filters are not applied strictly. */
export async function searchOffers(deps: Deps, order: SearchOrder): Promise<SearchResult> {
  const need = needOf(order.request, {
    maxStartupMs: order.maxStartupMs,
    bootTimeFactor: order.bootTimeFactor,
    blockedMachines: order.blockedMachines,
    machineMemory: await machineAdvice(deps),
    weights: deps.scoreWeights ?? DEFAULT_SCORE_WEIGHTS,
  });
  try {
    const offers = await whileBeating({ heartbeatMs: HEARTBEAT_MS, details: () => null }, () =>
      deps.offers.search(toSearch(need), { deadlineMs: Date.now() + order.timeoutMs }),
    );
    const { candidates, rejections } = rankOffers(offers, need);
    if (candidates.length === 0)
      return { kind: 'none', offersSeen: offers.length, why: whyNone(offers.length, rejections) };
    const ranked = candidates.map((candidate) => choiceOf(candidate, need));
    const place = deps.offers.enterChoosing(whoChooses());
    const choices = shelfOf(ranked, { ...order, place }).slice(0, CHOICES_MAX);
    return { kind: 'found', choices, offersSeen: offers.length, offersFit: candidates.length };
  } catch (error) {
    if (error instanceof MarketError && error.kind === 'search-quota')
      return { kind: 'quota', message: error.message };
    if (error instanceof MarketError && error.kind === 'auth')
      return { kind: 'refused', message: error.message };
    throw error;
  }
}

/**
 * What to try, best first: what the budget carries and was not tried, then what is too dear, the least dear first,
 * so that a refusal names it. Cut by rank alone, a small budget saw the best GPUs and none of the cheap ones.
 *
 * Many launches at once are given the same best offers, and each machine goes to one of them: whoever comes late
 * has tried all of a shelf, and must see what stands behind it. Of those who choose at once the k-th (`place`, from 0)
 * begins with the k-th best, since each of those before it takes one.
 */
export function shelfOf(
  ranked: readonly Choice[],
  {
    request,
    triedOffers = [],
    spending,
    place = 0,
  }: Pick<SearchOrder, 'request' | 'triedOffers' | 'spending'> & { readonly place?: number },
): Choice[] {
  const tried = ranked.filter(({ offerId }) => triedOffers.includes(offerId));
  const untried = ranked.filter(({ offerId }) => !triedOffers.includes(offerId));
  if (spending === undefined) return [...fromPlace(untried, place), ...tried];
  const judged = untried.map((choice) => ({
    choice,
    ...affords(spending, { ...choice, keepAliveMs: request.keepAliveMs }),
  }));
  const carried = judged.filter(({ affordable }) => affordable);
  const tooDear = judged
    .filter(({ affordable }) => !affordable)
    .sort((one, other) => one.neededUsd - other.neededUsd);
  return [...[...fromPlace(carried, place), ...tooDear].map(({ choice }) => choice), ...tried];
}

function fromPlace<Item>(items: readonly Item[], place: number): Item[] {
  const at = items.length === 0 ? 0 : place % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** The session that an activity works for, by which others know that it is choosing. */
export function whoChooses(): string {
  return Context.current().info.workflowExecution?.workflowId ?? '';
}

/** The query that every ask about this need shares. */
export function toSearch(need: Need): OfferSearch {
  const dearest = Math.max(...need.tiers.map((tier) => tier.usdPerHourMax * need.gpuCount));
  return {
    gpuNames: [...new Set(need.tiers.flatMap((tier) => tier.gpuNames))],
    gpuCount: need.gpuCount,
    usdPerHourMax: Math.min(dearest, need.usdPerHourMax ?? dearest),
    diskGb: need.diskGb,
    type: need.interruptible ? 'interruptible' : 'on-demand',
    verifiedOnly: need.verifiedOnly,
    datacenterOnly: need.datacenterOnly,
  };
}

function whyNone(offersSeen: number, rejections: readonly RejectedOffer[]): string {
  if (offersSeen === 0) return 'the market lists no offer with these GPUs at these prices';
  const counts = new Map<string, number>();
  for (const { reasons } of rejections) {
    for (const { kind } of reasons) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 4);
  return `${offersSeen} offers seen, none fits (${most.map(([kind, count]) => `${kind}: ${count}`).join(', ')})`;
}
