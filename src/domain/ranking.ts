/**
 * Which offers a session may rent, in which order, and why not the others.
 *
 * 1. Every offer ends up in exactly one of `candidates` and `rejections`.
 * 2. No candidate of a later tier stands before one of an earlier tier, whatever its score.
 * 3. Every shortfall of a rejected offer is named, with both numbers.
 */
import type { Choice } from './attempt.ts';
import { expectedBoot, phaseDeadlines } from './boot-time.ts';
import type { Serving } from './fit.ts';
import { factorOf } from './machine-memory.ts';
import type { Need, ScoreWeights } from './need.ts';
import type { Offer } from './offer.ts';
import { findTier, type Rejection, servingOn, shortfalls, usdPerHourOn } from './shortfalls.ts';
import type { Tier } from './tier.ts';

export { DEFAULT_SCORE_WEIGHTS, type Need, needOf, type ScoreWeights } from './need.ts';
export type { Rejection, RejectionKind } from './shortfalls.ts';

/** Parts of the score, each 0 (worst) to 1 (best). */
export type Factors = { readonly [factor in keyof ScoreWeights]: number };

/** An offer that may be rented, with all that renting it and serving on it takes. */
export type Candidate = {
  readonly offer: Offer;
  /** Its name. */
  readonly tier: string;
  readonly tierPriority: number;
  /** 0..1. */
  readonly score: number;
  readonly factors: Factors;
  readonly serving: Serving;
  /** GPU and disk, at our bid where we bid. */
  readonly usdPerHour: number;
  readonly gpuUsdPerHour: number;
  readonly storageUsdPerHour: number;
  /** `usdPerHour`, and the expected traffic spread over the hours planned. */
  readonly usdPerHourWhole: number;
  /** What image and weights cost to download here. */
  readonly trafficUsd: number;
  /** Of it the image. */
  readonly imageUsd: number;
  /** What to bid; null when renting on demand. */
  readonly bidUsdPerHour: number | null;
  readonly bootMsExpected: number;
  /** Its part from create to `running`. */
  readonly pullMsExpected: number;
  readonly bootDeadlineMs: number;
  readonly vllmDeadlineMs: number;
};

export type RejectedOffer = { readonly offer: Offer; readonly reasons: readonly Rejection[] };
export type Ranking = { readonly candidates: Candidate[]; readonly rejections: RejectedOffer[] };

/** Offers that meet `need`: by tier, inside a tier the best score first; equal ones by price, then by id. */
export function rankOffers(offers: readonly Offer[], need: Need, weights = need.weights): Ranking {
  const candidates: Candidate[] = [];
  const rejections: RejectedOffer[] = [];
  for (const offer of offers) {
    const judged = judgeOffer(offer, { ...need, weights });
    if ('accepted' in judged) candidates.push(judged.accepted);
    else rejections.push({ offer, reasons: judged.rejected });
  }
  return { candidates: candidates.sort(byRank), rejections };
}

/** What the offer is to this need, or everything that speaks against it. */
export function judgeOffer(
  offer: Offer,
  need: Need,
): { readonly accepted: Candidate } | { readonly rejected: readonly Rejection[] } {
  const tier = findTier(offer, need);
  const plan = servingOn(offer, need);
  const rejected = shortfalls({ offer, need, tier, plan });
  if (rejected.length > 0 || tier === null || !plan.fits) return { rejected };
  return { accepted: candidate(offer, need, tier, plan) };
}

/** A candidate in the words of an attempt. */
export function choiceOf(candidate: Candidate, need: Pick<Need, 'diskGb'>): Choice {
  const { offer, serving } = candidate;
  return {
    offerId: offer.offerId,
    machineId: offer.machineId,
    tier: candidate.tier,
    gpuName: offer.gpuName,
    gpuCount: offer.gpuCount,
    usdPerHour: candidate.usdPerHour,
    bidUsdPerHour: candidate.bidUsdPerHour,
    gpuUsdPerHour: candidate.gpuUsdPerHour,
    storageUsdPerHour: candidate.storageUsdPerHour,
    downloadUsdPerGb: offer.downloadUsdPerGb,
    uploadUsdPerGb: offer.uploadUsdPerGb,
    trafficUsd: candidate.trafficUsd,
    score: candidate.score,
    modelToLoad: serving.servedModel,
    vllmArgs: serving.vllmArgs,
    isPooling: serving.isPooling,
    diskGb: need.diskGb,
    bootMsExpected: candidate.bootMsExpected,
    pullMsExpected: candidate.pullMsExpected,
    bootDeadlineMs: candidate.bootDeadlineMs,
    vllmDeadlineMs: candidate.vllmDeadlineMs,
  };
}

function byRank(a: Candidate, b: Candidate): number {
  return (
    a.tierPriority - b.tierPriority ||
    b.score - a.score ||
    a.usdPerHourWhole - b.usdPerHourWhole ||
    a.offer.offerId - b.offer.offerId
  );
}

function candidate(offer: Offer, need: Need, tier: Tier, serving: Serving): Candidate {
  const { usdPerHour, bidUsdPerHour } = usdPerHourOn(offer, need, tier);
  const trafficUsd = (need.image.compressedGb + serving.weightsGb) * offer.downloadUsdPerGb;
  const usdPerHourWhole = usdPerHour + trafficUsd / need.hoursPlanned;
  const gpuUsdPerHour = Math.min(usdPerHour, bidUsdPerHour ?? offer.gpuUsdPerHour);
  const factors = factorsOf({ offer, need, tier, usdPerHourWhole });
  const boot = bootFacts(offer, need, serving.weightsGb);
  const { pullMs, totalMs } = expectedBoot(boot);
  return {
    offer,
    tier: tier.name,
    tierPriority: tier.priority,
    score: scoreOf(factors, need.weights),
    factors,
    serving,
    usdPerHour,
    gpuUsdPerHour,
    storageUsdPerHour: usdPerHour - gpuUsdPerHour,
    usdPerHourWhole,
    trafficUsd,
    imageUsd: need.image.compressedGb * offer.downloadUsdPerGb,
    bidUsdPerHour,
    bootMsExpected: totalMs,
    pullMsExpected: pullMs,
    ...phaseDeadlines({ ...boot, maxStartupMs: need.maxStartupMs }),
  };
}

function bootFacts(offer: Offer, need: Need, weightsGb: number) {
  return {
    downloadMbps: offer.downloadMbps,
    diskMbPerSecond: offer.diskMbPerSecond,
    imageGb: need.image.compressedGb,
    weightsGb,
    timeFactor: need.bootTimeFactor,
  };
}

type Judged = {
  readonly offer: Offer;
  readonly need: Need;
  readonly tier: Tier;
  readonly usdPerHourWhole: number;
};

/** Each against a fixed scale, not against the other offers: a score means the same in every search. */
function factorsOf({ offer, need, tier, usdPerHourWhole }: Judged): Factors {
  return {
    price: clamp(1 - usdPerHourWhole / (tier.usdPerHourMax * offer.gpuCount)),
    // Listings below 0.8 hardly exist, and 0.99 is much better than 0.95.
    reliability: clamp((offer.reliability - 0.8) / 0.2),
    download: onLogScale(offer.downloadMbps, { worst: 50, best: 2_000 }),
    cuda: clamp(offer.cudaMax - 12),
    disk: onLogScale(offer.diskMbPerSecond, { worst: 100, best: 5_000 }),
    memory: clamp(factorOf(need.machineMemory[offer.machineId])),
  };
}

/** Doubling a bandwidth helps as much at 100 as at 1,000. */
function onLogScale(value: number, { worst, best }: { worst: number; best: number }): number {
  return clamp(Math.log(Math.max(worst, value) / worst) / Math.log(best / worst));
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** The weighted mean, so that 0..1 holds whatever the weights add up to. */
function scoreOf(factors: Factors, weights: ScoreWeights): number {
  const names = ['price', 'reliability', 'download', 'cuda', 'disk', 'memory'] as const;
  const total = names.reduce((sum, name) => sum + weights[name], 0);
  if (total <= 0) return 0;
  return clamp(names.reduce((sum, name) => sum + weights[name] * factors[name], 0) / total);
}
