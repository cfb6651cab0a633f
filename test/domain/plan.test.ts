import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { affords, affordsUntil } from '../../src/domain/budget.ts';
import { forecastOf } from '../../src/domain/forecast.ts';
import type { Offer } from '../../src/domain/offer.ts';
import { type LaunchPlan, type PlanOrder, planLaunch } from '../../src/domain/plan.ts';
import { policyOf } from '../../src/domain/policy.ts';
import { choiceOf, needOf, rankOffers } from '../../src/domain/ranking.ts';
import type { SessionRequest } from '../../src/domain/session.ts';
import { anOffer, aRequest, aTier } from '../support/builders.ts';

const MINUTE_MS = 60_000;
const policy = policyOf(parseConfig({}));

function planFor(offers: readonly Offer[], set: Partial<SessionRequest> = {}, more: Partial<PlanOrder> = {}) {
  const request = aRequest(set);
  const need = needOf(request, policy);
  const order: PlanOrder = { request, need, policy, offers, ledger: null, ...more };
  return { plan: planLaunch(order), order };
}

function firstOf(plan: LaunchPlan) {
  const first = plan.offers.find(({ rank }) => rank === plan.firstRank);
  if (first === undefined) throw new Error(`nothing would be tried: ${JSON.stringify(plan.stoppedBy)}`);
  return first;
}

test('a plan ranks as a launch does, and forecasts what the launch will record', () => {
  const offers = [anOffer(), anOffer({ offerId: 7002, machineId: 502, downloadMbps: 200 })];
  const { plan, order } = planFor(offers);
  const choices = rankOffers(offers, order.need).candidates.map((one) => choiceOf(one, order.need));
  expect(plan.offers.map(({ offer }) => offer.offerId)).toEqual(choices.map(({ offerId }) => offerId));
  const recorded = choices[0] && forecastOf(choices[0], { ...order.request, policy }).totalUsd;
  expect(firstOf(plan).forecast.totalUsd).toBe(recorded);
});

test('the points of the factors add up to the score', () => {
  const { plan } = planFor([anOffer()]);
  const { factors, score } = firstOf(plan);
  const points = Object.entries(factors).map(
    ([name, value]) => value * plan.weights[name as keyof typeof factors],
  );
  expect(points.reduce((sum, one) => sum + one, 0)).toBeCloseTo(score, 9);
});

describe('checkpoint 1', () => {
  const ledger = { limitUsd: 15, spentUsd: 9, reservedUsd: 4 };

  test('passes when the whole budget is still free, to the cent', () => {
    const { plan } = planFor([anOffer()], { budgetUsd: 2 }, { ledger });
    expect(plan.checkpoints.reservation).toMatchObject({ askedUsd: 2, isPassed: true });
    expect(plan.stoppedBy).toBeNull();
  });

  test('stops a launch that asks for more, with the three numbers', () => {
    const { plan } = planFor([anOffer()], { budgetUsd: 2.01 }, { ledger });
    expect(plan.stoppedBy).toMatchObject({
      checkpoint: 1,
      detail: expect.stringMatching(/\$9\.00.*\$4\.00.*\$15\.00/),
    });
  });

  test('is not judged where no ledger answered', () => {
    expect(planFor([anOffer()]).plan.checkpoints.reservation).toBeNull();
  });
});

describe('checkpoint 2', () => {
  const dear = anOffer({ offerId: 1, usdPerHour: 0.59, gpuUsdPerHour: 0.58 });
  const cheap = anOffer({
    offerId: 2,
    machineId: 502,
    gpuName: 'RTX 3090',
    computeCapability: 8.6,
    usdPerHour: 0.2,
    gpuUsdPerHour: 0.19,
  });

  test('passes over an offer that the budget does not carry', () => {
    const { plan } = planFor([dear, cheap], { budgetUsd: 0.4 });
    expect(plan.offers.map(({ isAffordable }) => isAffordable)).toEqual([false, true]);
    expect(firstOf(plan).offer.offerId).toBe(2);
    expect(plan.stoppedBy).toBeNull();
  });

  test('stops the launch when no offer is left, naming what the cheapest start needs', () => {
    const { plan, order } = planFor([dear, cheap], { budgetUsd: 0.1 });
    const least = Math.min(...plan.offers.map(({ neededUsd }) => neededUsd));
    expect(plan.firstRank).toBeNull();
    expect(plan.stoppedBy).toMatchObject({ checkpoint: 2 });
    expect(plan.checkpoints.offers).toEqual({ affordable: 0, leastNeededUsd: least });
    const spending = { spentUsd: 0, burnUsdPerHour: 0, marginMs: policy.teardownMarginMs };
    const rent = {
      keepAliveMs: order.request.keepAliveMs,
      usdPerHour: 0.2,
      trafficUsd: plan.offers[1]?.trafficUsd ?? 0,
    };
    expect(affords({ ...spending, budgetUsd: least + 1e-9 }, rent).affordable).toBe(true);
    expect(affords({ ...spending, budgetUsd: least - 1e-6 }, rent).affordable).toBe(false);
  });
});

describe('while it runs', () => {
  test('the budget ends it when price and margin have used it up, and no extension goes further', () => {
    const { plan } = planFor([anOffer()], { budgetUsd: 1 });
    const { budgetEndsMs, keptAtMostMs, keptBoundBy } = plan.checkpoints;
    const { usdPerHour, forecast } = firstOf(plan);
    const endsMs = budgetEndsMs ?? 0;
    expect(forecast.atReadyUsd + (usdPerHour * (endsMs + policy.teardownMarginMs)) / 3_600_000).toBeCloseTo(
      1,
      9,
    );
    expect(keptAtMostMs).toBe(endsMs);
    expect(keptBoundBy).toBe('budget');
    const spending = {
      budgetUsd: 1,
      spentUsd: forecast.atReadyUsd,
      burnUsdPerHour: usdPerHour,
      marginMs: policy.teardownMarginMs,
    };
    expect(affordsUntil(spending, { nowMs: 0, untilMs: endsMs - 1 }).affordable).toBe(true);
    expect(affordsUntil(spending, { nowMs: 0, untilMs: endsMs + 1_000 }).affordable).toBe(false);
  });

  test('a short lifetime ends it before the budget does', () => {
    const { plan } = planFor([anOffer()], { lifetimeMs: 60 * MINUTE_MS });
    const { readyMs } = firstOf(plan).forecast;
    expect(plan.checkpoints).toMatchObject({
      keptBoundBy: 'lifetime',
      keptAtMostMs: 60 * MINUTE_MS - readyMs,
    });
  });
});

describe('the worst case', () => {
  test('is the budget where the lifetime would cost more', () => {
    const { plan } = planFor([anOffer()], { budgetUsd: 2 });
    expect(plan.worst).toMatchObject({ boundBy: 'budget', atMostUsd: 2 });
    expect(plan.worst.marginUsd).toBeCloseTo(0.42 * 0.1, 9);
  });

  test('is the lifetime at the dearest price, on every host of a hedge, where that is less', () => {
    const dear = anOffer({
      offerId: 2,
      machineId: 502,
      usdPerHour: 0.55,
      gpuUsdPerHour: 0.54,
      downloadUsdPerGb: 0,
    });
    const { plan } = planFor([anOffer({ downloadUsdPerGb: 0 }), dear], {
      hedge: 2,
      lifetimeMs: 54 * MINUTE_MS,
      keepAliveMs: 30 * MINUTE_MS,
    });
    expect(plan.worst).toMatchObject({ boundBy: 'lifetime' });
    expect(plan.worst.atMostUsd).toBeCloseTo(0.55 * 2, 9);
  });
});

describe('tiers', () => {
  test('each row says what it would serve, or why not', () => {
    const tiers = [
      aTier(),
      aTier({ name: 'RTX 3080', gpuNames: ['RTX 3080'], vramGb: 10, usdPerHourMax: 0.25, priority: 2 }),
      aTier({ name: 'H100', gpuNames: ['H100 SXM'], vramGb: 80, usdPerHourMax: 3, priority: 3 }),
    ];
    const small = {
      gpuName: 'RTX 3080',
      gpuRamMib: 10_240,
      computeCapability: 8.6,
      usdPerHour: 0.15,
      gpuUsdPerHour: 0.14,
    };
    const offers = [
      anOffer(),
      anOffer({ offerId: 2, machineId: 502, ...small }),
      anOffer({ offerId: 3, machineId: 503, ...small, reliability: 0.5 }),
    ];
    const { plan } = planFor(offers, { tiers });
    const [big, quantised, absent] = plan.tiers;
    expect(big?.serving).toMatchObject({ servedModel: 'Qwen/Qwen2.5-7B-Instruct', contextTokens: 32_768 });
    expect(quantised?.serving?.servedModel).not.toBe('Qwen/Qwen2.5-7B-Instruct');
    expect(quantised).toMatchObject({
      offersSeen: 2,
      offersFit: 1,
      why: [{ kind: 'reliability', count: 1 }],
    });
    expect(absent).toMatchObject({ offersSeen: 0, offersFit: 0, serving: null, why: [] });
  });

  test('a card too small for the model says what it would need', () => {
    const tiers = [aTier()];
    const { plan } = planFor([anOffer()], { tiers, model: 'meta-llama/Llama-3.3-70B-Instruct' });
    expect(plan.tiers[0]?.why).toMatchObject([
      { kind: 'vram', example: expect.stringMatching(/needs [\d,]+ MiB per GPU, the card has 24,564/) },
      ...(plan.tiers[0]?.why.slice(1) ?? []),
    ]);
    expect(plan.stoppedBy).toMatchObject({ checkpoint: null, detail: expect.stringContaining('vram: 1') });
  });
});

test('a market without offers is called empty', () => {
  expect(planFor([]).plan.stoppedBy?.detail).toMatch(/lists no offer/);
});

test('a plan of a large market stays small enough for a workflow', () => {
  const offers = Array.from({ length: 320 }, (_, at) => anOffer({ offerId: at + 1, machineId: at + 1 }));
  const bad = offers.map((offer) => ({ ...offer, reliability: 0.1, isVerified: false }));
  expect(JSON.stringify(planFor(offers).plan).length).toBeLessThan(500_000);
  expect(JSON.stringify(planFor(bad).plan).length).toBeLessThan(500_000);
  expect(planFor(offers).plan).toMatchObject({ offersFit: 320 });
});
