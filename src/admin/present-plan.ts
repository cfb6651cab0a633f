import type { Serving } from '../domain/fit.ts';
import {
  countReasons,
  type LaunchPlan,
  type OfferFacts,
  type PlannedOffer,
  type PlannedRejection,
  type TierPlan,
} from '../domain/plan.ts';
import type { Factors } from '../domain/ranking.ts';
import type { SessionRequest } from '../domain/session.ts';
import type { ForecastAnswer, OfferAnswer, OffersAnswer, PlanAnswer } from './plan-answers.ts';

const PLAN_OFFERS_MAX = 20;

/** One page of the ranked offers. `afterRank` 0 begins at the best. */
export function presentOffers(
  plan: LaunchPlan,
  page: {
    readonly afterRank: number;
    readonly limit: number;
    readonly isExplained: boolean;
    readonly tiers: readonly string[];
  },
): OffersAnswer {
  const left = plan.offers.filter(({ rank }) => rank > page.afterRank);
  const shown = left.slice(0, page.limit);
  return {
    items: shown.map((offer) => presentOffer(offer, plan)),
    next: left.length > shown.length ? String(shown.at(-1)?.rank ?? page.afterRank) : null,
    model: plan.model,
    disk_gb: plan.diskGb,
    offers_seen: plan.offersSeen,
    offers_fit: plan.offersFit,
    rejected: page.isExplained ? presentRejected(plan.rejections) : null,
    tiers: [...page.tiers],
  };
}

export function presentPlan(plan: LaunchPlan, request: SessionRequest): PlanAnswer {
  const first = plan.offers.find(({ rank }) => rank === plan.firstRank);
  const { checkpoints, worst } = plan;
  return {
    model: plan.model,
    disk_gb: plan.diskGb,
    keep_alive_minutes: minutes(request.keepAliveMs),
    hedge: plan.hedge,
    offers_seen: plan.offersSeen,
    offers_fit: plan.offersFit,
    first: first === undefined ? null : presentOffer(first, plan),
    forecast: first === undefined ? null : presentForecast(first),
    offers: plan.offers.slice(0, PLAN_OFFERS_MAX).map((offer) => presentOffer(offer, plan)),
    rejected: presentRejected(plan.rejections),
    tiers: plan.tiers.map(presentTier),
    worst_case: {
      at_most_usd: dollars(worst.atMostUsd),
      bound_by: worst.boundBy,
      budget_usd: dollars(request.budgetUsd),
      lifetime_minutes: minutes(request.lifetimeMs),
      unbounded_usd: dollars(worst.unboundedUsd),
      margin_usd: orNull(worst.marginUsd, dollars),
    },
    checkpoints: presentCheckpoints(checkpoints, plan.offersFit),
    stopped_by: plan.stoppedBy,
  };
}

function presentCheckpoints(
  { reservation, offers, ...running }: LaunchPlan['checkpoints'],
  offersFit: number,
): PlanAnswer['checkpoints'] {
  return {
    reservation: reservation && {
      asked_usd: dollars(reservation.askedUsd),
      limit_usd: dollars(reservation.limitUsd),
      spent_usd: dollars(reservation.spentUsd),
      reserved_usd: dollars(reservation.reservedUsd),
      is_passed: reservation.isPassed,
    },
    offers: {
      affordable: offers.affordable,
      of: offersFit,
      least_needed_usd: orNull(offers.leastNeededUsd, dollars),
    },
    running: {
      budget_ends_minutes_after_ready: orNull(running.budgetEndsMs, minutes),
      lifetime_ends_minutes_after_ready: orNull(running.lifetimeEndsMs, minutes),
    },
    extension: {
      kept_at_most_minutes_after_ready: orNull(running.keptAtMostMs, minutes),
      bound_by: running.keptBoundBy,
    },
  };
}

function presentOffer(planned: PlannedOffer, { weights }: LaunchPlan): OfferAnswer {
  return {
    rank: planned.rank,
    ...presentFacts(planned.offer, planned.usdPerHour),
    tier: planned.tier,
    use_case: planned.useCase,
    score: thousandths(planned.score),
    factors: presentFactors(planned.factors, weights),
    gpu_usd_per_hour: dollars(planned.gpuUsdPerHour),
    storage_usd_per_hour: dollars(planned.storageUsdPerHour),
    bid_usd_per_hour: orNull(planned.bidUsdPerHour, dollars),
    usd_per_hour_whole: dollars(planned.usdPerHourWhole),
    boot_minutes: minutes(planned.forecast.readyMs),
    forecast: presentForecast(planned),
    serving: presentServing(planned.serving),
    needed_usd: dollars(planned.neededUsd),
    is_affordable: planned.isAffordable,
  };
}

function presentFactors(factors: Factors, weights: LaunchPlan['weights']): OfferAnswer['factors'] {
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const one = (name: keyof Factors) => {
    const weight = total > 0 ? weights[name] / total : 0;
    const value = factors[name];
    return { value: thousandths(value), weight: thousandths(weight), points: thousandths(value * weight) };
  };
  return {
    price: one('price'),
    reliability: one('reliability'),
    download: one('download'),
    cuda: one('cuda'),
    disk: one('disk'),
    memory: one('memory'),
  };
}

function presentForecast({ forecast, imageUsd, trafficUsd }: PlannedOffer): ForecastAnswer {
  const imageShare = trafficUsd > 0 ? imageUsd / trafficUsd : 0;
  return {
    gpu_usd: dollars(forecast.gpuUsd),
    storage_usd: dollars(forecast.storageUsd),
    image_usd: dollars(forecast.trafficUsd * imageShare),
    weights_usd: dollars(forecast.trafficUsd * (1 - imageShare)),
    total_usd: dollars(forecast.totalUsd),
    at_ready_usd: dollars(forecast.atReadyUsd),
    minutes_to_ready: minutes(forecast.readyMs),
    billed_minutes: minutes(forecast.billedMs),
  };
}

function presentFacts(offer: OfferFacts, usdPerHour: number) {
  return {
    offer_id: offer.offerId,
    machine_id: offer.machineId,
    gpu: offer.gpuCount === 1 ? offer.gpuName : `${offer.gpuCount}× ${offer.gpuName}`,
    gpu_ram_mib: offer.gpuRamMib,
    country: offer.country,
    is_verified: offer.isVerified,
    is_datacenter: offer.isDatacenter,
    reliability: offer.reliability,
    download_mbps: Math.round(offer.downloadMbps),
    usd_per_hour: dollars(usdPerHour),
  };
}

function presentServing(serving: Serving) {
  return {
    model: serving.servedModel,
    context_tokens: serving.contextTokens,
    vllm_args: [...serving.vllmArgs],
    weights_gb: thousandths(serving.weightsGb),
    vram_needed_mib: serving.vramNeededMib,
  };
}

function presentRejected(rejections: readonly PlannedRejection[]): PlanAnswer['rejected'] {
  return {
    count: rejections.length,
    by_reason: countReasons(rejections).map((reason) => ({ ...reason })),
    items: rejections.map(({ offer, usdPerHour, tier, reasons }) => ({
      ...presentFacts(offer, usdPerHour),
      tier,
      reasons: reasons.map((reason) => ({ ...reason })),
    })),
  };
}

function presentTier({ tier, offersSeen, offersFit, serving, why }: TierPlan): PlanAnswer['tiers'][number] {
  return {
    name: tier.name,
    priority: tier.priority,
    use_case: tier.useCase,
    gpu_names: [...tier.gpuNames],
    vram_gb: tier.vramGb,
    usd_per_hour_max: tier.usdPerHourMax,
    offers_seen: offersSeen,
    offers_fit: offersFit,
    serving: serving === null ? null : presentServing(serving),
    why: why.map((reason) => ({ ...reason })),
  };
}

function orNull(value: number | null, present: (value: number) => number): number | null {
  return value === null ? null : present(value);
}

function dollars(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}

function thousandths(value: number): number {
  return Math.round(value * 1e3) / 1e3;
}

/** To the second. */
function minutes(ms: number): number {
  return Math.round(ms / 1_000 / 0.6) / 100;
}
