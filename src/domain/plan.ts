/**
 * What a launch would do and cost, from one look at the market: nothing here rents anything.
 *
 * 1. Ranked, judged and forecast by the very functions that a launch is: what a plan shows is what is tried first.
 * 2. `atMostUsd` bounds every course of the session at the prices seen: failed attempts, hedges, use until its
 *    lifetime ends. The budget bounds it at any price.
 */
import { affords, budgetMoment, usd } from './budget.ts';
import type { Serving } from './fit.ts';
import { type Forecast, forecastOf } from './forecast.ts';
import { hasRoom } from './ledger.ts';
import type { Need } from './need.ts';
import type { Offer } from './offer.ts';
import type { Policy } from './policy.ts';
import { type Candidate, type RejectedOffer, type RejectionKind, rankOffers } from './ranking.ts';
import type { BudgetNumbers, SessionRequest } from './session.ts';
import { findTier, type Rejection } from './shortfalls.ts';
import type { Tier } from './tier.ts';

export type PlanOrder = {
  readonly request: SessionRequest;
  readonly need: Need;
  readonly policy: Policy;
  readonly offers: readonly Offer[];
  /** Null where no ledger answered. */
  readonly ledger: BudgetNumbers | null;
};

export type LaunchPlan = {
  readonly model: string;
  readonly diskGb: number;
  readonly hedge: number;
  readonly weights: Need['weights'];
  readonly offersSeen: number;
  /** Every one that may be rented, in the order they would be tried. */
  readonly offersFit: number;
  /** The first of them. */
  readonly offers: readonly PlannedOffer[];
  readonly rejections: readonly PlannedRejection[];
  readonly tiers: readonly TierPlan[];
  /** Rank of the offer that would be tried first: what the budget does not carry is passed over. Null: none. */
  readonly firstRank: number | null;
  readonly worst: WorstCase;
  readonly checkpoints: Checkpoints;
  /** What would keep this launch from renting at all; null: nothing. */
  readonly stoppedBy: { readonly checkpoint: 1 | 2 | null; readonly detail: string } | null;
};

export type PlannedOffer = Omit<Candidate, 'tierPriority' | 'offer' | 'bootDeadlineMs' | 'vllmDeadlineMs'> & {
  readonly rank: number;
  readonly useCase: string;
  readonly forecast: Forecast;
  /** Checkpoint 2: what the budget must hold for one keep-alive here and a teardown. */
  readonly neededUsd: number;
  readonly isAffordable: boolean;
  readonly offer: OfferFacts;
};

export type OfferFacts = Pick<
  Offer,
  | 'offerId'
  | 'machineId'
  | 'gpuName'
  | 'gpuCount'
  | 'gpuRamMib'
  | 'reliability'
  | 'country'
  | 'downloadMbps'
  | 'cudaMax'
  | 'diskMbPerSecond'
  | 'isVerified'
  | 'isDatacenter'
>;

export type PlannedRejection = {
  readonly offer: OfferFacts;
  readonly usdPerHour: number;
  readonly tier: string | null;
  readonly reasons: readonly Rejection[];
};

/** One row of the table: what would be served there, or why nothing can be. */
export type TierPlan = {
  readonly tier: Tier;
  readonly offersSeen: number;
  readonly offersFit: number;
  readonly serving: Serving | null;
  /** Why its other offers do not fit: the most frequent first, each with one offer's own words. */
  readonly why: readonly { readonly kind: RejectionKind; readonly count: number; readonly example: string }[];
};

export type WorstCase = {
  /** What the dearest offer costs over the longest life, with every attempt failing on the way. */
  readonly unboundedUsd: number;
  readonly atMostUsd: number;
  readonly boundBy: 'budget' | 'lifetime';
  /** Of it kept back for drain, destroy and the provider's billing tail; null where nothing fits. */
  readonly marginUsd: number | null;
};

/** Where money is checked. Moments are ms after READY of the first offer; null where nothing fits. */
export type Checkpoints = {
  /** 1, before anything: the whole budget is reserved. Null: no ledger answered. */
  readonly reservation: (BudgetNumbers & { readonly askedUsd: number; readonly isPassed: boolean }) | null;
  /** 2, before each create. */
  readonly offers: { readonly affordable: number; readonly leastNeededUsd: number | null };
  /** 3, while it runs: when the budget less the margin is reached, were it used without pause. */
  readonly budgetEndsMs: number | null;
  readonly lifetimeEndsMs: number | null;
  /** 4, at `extend`: how long after READY it can be kept at most, and by what. */
  readonly keptAtMostMs: number | null;
  readonly keptBoundBy: 'budget' | 'lifetime' | null;
};

/** So much of a market is enough to choose from, and small enough to be carried through a workflow. */
const OFFERS_MAX = 100;
const REJECTIONS_MAX = 320;

export function planLaunch(order: PlanOrder): LaunchPlan {
  const { request, need, offers } = order;
  const { candidates, rejections } = rankOffers(offers, need);
  const planned = candidates.map((candidate, index) => plannedOffer(candidate, index + 1, order));
  const first = planned.find(({ isAffordable }) => isAffordable) ?? null;
  const rejected = rejections.map(({ offer, reasons }) => plannedRejection(offer, reasons, need));
  const checked = checkpoints(planned, first, order);
  return {
    model: request.model,
    diskGb: need.diskGb,
    hedge: request.hedge,
    weights: need.weights,
    offersSeen: offers.length,
    offersFit: candidates.length,
    offers: withFirst(planned, first),
    rejections: rejected.slice(0, REJECTIONS_MAX),
    tiers: need.tiers
      .toSorted((a, b) => a.priority - b.priority)
      .map((tier) => tierPlan(tier, planned, rejected)),
    firstRank: first?.rank ?? null,
    worst: worstCase(planned, first, order),
    checkpoints: checked,
    stoppedBy: stoppedBy(checked, { offersSeen: offers.length, rejected, order }),
  };
}

/** The best, and among them always the one that would be tried first. */
function withFirst(planned: readonly PlannedOffer[], first: PlannedOffer | null): PlannedOffer[] {
  const best = planned.slice(0, OFFERS_MAX);
  return first === null || best.includes(first) ? best : [...best.slice(0, -1), first];
}

function plannedOffer(candidate: Candidate, rank: number, order: PlanOrder): PlannedOffer {
  const { request, policy, need } = order;
  const { offer, tierPriority: _, bootDeadlineMs: __, vllmDeadlineMs: ___, ...rest } = candidate;
  const { affordable, neededUsd } = affords(spendingFrom(order, 0, 0), {
    ...candidate,
    keepAliveMs: request.keepAliveMs,
  });
  return {
    ...rest,
    rank,
    useCase: need.tiers.find(({ name }) => name === candidate.tier)?.useCase ?? '',
    forecast: forecastOf(candidate, { ...request, policy }),
    neededUsd,
    isAffordable: affordable,
    offer: factsOf(offer),
  };
}

function plannedRejection(offer: Offer, reasons: RejectedOffer['reasons'], need: Need): PlannedRejection {
  const tier = findTier(offer, need);
  return { offer: factsOf(offer), usdPerHour: offer.usdPerHour, tier: tier?.name ?? null, reasons };
}

function factsOf(offer: Offer): OfferFacts {
  return {
    offerId: offer.offerId,
    machineId: offer.machineId,
    gpuName: offer.gpuName,
    gpuCount: offer.gpuCount,
    gpuRamMib: offer.gpuRamMib,
    reliability: offer.reliability,
    country: offer.country,
    downloadMbps: offer.downloadMbps,
    cudaMax: offer.cudaMax,
    diskMbPerSecond: offer.diskMbPerSecond,
    isVerified: offer.isVerified,
    isDatacenter: offer.isDatacenter,
  };
}

function tierPlan(
  tier: Tier,
  planned: readonly PlannedOffer[],
  rejected: readonly PlannedRejection[],
): TierPlan {
  const fitting = planned.filter((offer) => offer.tier === tier.name);
  const others = rejected.filter((offer) => offer.tier === tier.name);
  return {
    tier,
    offersSeen: fitting.length + others.length,
    offersFit: fitting.length,
    serving: fitting[0]?.serving ?? null,
    why: countReasons(others),
  };
}

/** How many offers each reason speaks against, the most frequent first. */
export function countReasons(rejected: readonly PlannedRejection[]): TierPlan['why'] {
  const byKind = Map.groupBy(
    rejected.flatMap(({ reasons }) => reasons),
    ({ kind }) => kind,
  );
  return [...byKind]
    .map(([kind, reasons]) => ({ kind, count: reasons.length, example: reasons[0]?.message ?? '' }))
    .sort((a, b) => b.count - a.count);
}

/** Invariant 2: at the dearest offer's price and traffic throughout, and never above the budget. */
function worstCase(
  planned: readonly PlannedOffer[],
  first: PlannedOffer | null,
  { request, policy }: PlanOrder,
): WorstCase {
  const usdPerHourMost = Math.max(0, ...planned.map(({ usdPerHour }) => usdPerHour));
  const trafficUsdMost = Math.max(0, ...planned.map(({ trafficUsd }) => trafficUsd));
  const heldHours = (request.lifetimeMs + policy.teardownMarginMs) / MS_PER_HOUR;
  const unboundedUsd =
    usdPerHourMost * heldHours * request.hedge + trafficUsdMost * Math.max(policy.maxAttempts, request.hedge);
  return {
    unboundedUsd,
    atMostUsd: Math.min(request.budgetUsd, unboundedUsd),
    boundBy: request.budgetUsd < unboundedUsd ? 'budget' : 'lifetime',
    marginUsd: first === null ? null : (first.usdPerHour * policy.teardownMarginMs) / MS_PER_HOUR,
  };
}

function checkpoints(
  planned: readonly PlannedOffer[],
  first: PlannedOffer | null,
  order: PlanOrder,
): Checkpoints {
  const needed = planned.map(({ neededUsd }) => neededUsd);
  return {
    reservation: reservation(order),
    offers: {
      affordable: planned.filter(({ isAffordable }) => isAffordable).length,
      leastNeededUsd: needed.length === 0 ? null : Math.min(...needed),
    },
    ...(first === null ? NOTHING_RUNS : whileRunning(first, order)),
  };
}

const NOTHING_RUNS = {
  budgetEndsMs: null,
  lifetimeEndsMs: null,
  keptAtMostMs: null,
  keptBoundBy: null,
} as const;

function reservation({ ledger, request }: PlanOrder): Checkpoints['reservation'] {
  if (ledger === null) return null;
  const { limitUsd, spentUsd, reservedUsd } = ledger;
  const numbers = { limitUsd, spentUsd, reservedUsd };
  return { ...numbers, askedUsd: request.budgetUsd, isPassed: hasRoom(numbers, request.budgetUsd) };
}

function whileRunning(first: PlannedOffer, order: PlanOrder) {
  const { forecast, usdPerHour } = first;
  const spending = spendingFrom(order, forecast.atReadyUsd, usdPerHour);
  // The moment at which serving must end is also the last that an extension is granted to.
  const budgetEndsMs = Math.max(0, budgetMoment(spending, 0) ?? Number.MAX_SAFE_INTEGER);
  const lifetimeEndsMs = Math.max(0, order.request.lifetimeMs - forecast.readyMs);
  const keptBoundBy = budgetEndsMs < lifetimeEndsMs ? ('budget' as const) : ('lifetime' as const);
  return { budgetEndsMs, lifetimeEndsMs, keptAtMostMs: Math.min(budgetEndsMs, lifetimeEndsMs), keptBoundBy };
}

/** In the order in which a launch would meet them. */
function stoppedBy(
  { reservation: reserved, offers }: Checkpoints,
  seen: { offersSeen: number; rejected: readonly PlannedRejection[]; order: PlanOrder },
): LaunchPlan['stoppedBy'] {
  const { budgetUsd } = seen.order.request;
  if (reserved !== null && !reserved.isPassed) {
    const { limitUsd, spentUsd, reservedUsd } = reserved;
    const detail = `It asks for ${usd(budgetUsd)}: ${usd(spentUsd)} are spent and ${usd(reservedUsd)} reserved of the limit of ${usd(limitUsd)}.`;
    return { checkpoint: 1, detail };
  }
  if (offers.leastNeededUsd === null) {
    const why = countReasons(seen.rejected).slice(0, 4);
    const reasons = why.map(({ kind, count }) => `${kind}: ${count}`).join(', ');
    const none = 'The market lists no offer with these GPUs at these prices.';
    return {
      checkpoint: null,
      detail: seen.offersSeen === 0 ? none : `None of ${seen.offersSeen} offers fits (${reasons}).`,
    };
  }
  if (offers.affordable > 0) return null;
  const detail = `The cheapest start needs ${usd(offers.leastNeededUsd)} for one keep-alive and teardown; the budget is ${usd(budgetUsd)}.`;
  return { checkpoint: 2, detail };
}

function spendingFrom({ request, policy }: PlanOrder, spentUsd: number, burnUsdPerHour: number) {
  return { budgetUsd: request.budgetUsd, spentUsd, burnUsdPerHour, marginMs: policy.teardownMarginMs };
}

const MS_PER_HOUR = 3_600_000;
