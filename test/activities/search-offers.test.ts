import { expect, test } from 'vitest';
import { shelfOf } from '../../src/activities/search-offers.ts';
import { aChoice, aRequest } from '../support/builders.ts';

const HOUR_MS = 3_600_000;
const request = aRequest({ keepAliveMs: HOUR_MS });

/** Twenty good and dear ones, and behind them two that are neither. */
const ranked = [
  ...Array.from({ length: 20 }, (_, at) => aChoice({ offerId: at, usdPerHour: 1, trafficUsd: 0.02 })),
  aChoice({ offerId: 20, usdPerHour: 0.2, trafficUsd: 0.05 }),
  aChoice({ offerId: 21, usdPerHour: 0.15, trafficUsd: 0.4 }),
];
const idsFor = (budgetUsd: number, triedOffers: number[] = []): number[] =>
  shelfOf(ranked, {
    request,
    triedOffers,
    spending: { budgetUsd, spentUsd: 0, burnUsdPerHour: 0, marginMs: 0 },
  }).map(({ offerId }) => offerId);

test('what the budget carries comes first, however far down it ranks', () => {
  expect(idsFor(0.3)[0]).toBe(20);
  expect(idsFor(2)).toEqual(ranked.map(({ offerId }) => offerId));
});

test('where the budget carries nothing, what needs least comes first, so that the refusal can name it', () => {
  expect(idsFor(0.1).slice(0, 3)).toEqual([20, 21, 0]);
});

test('what was tried comes last, affordable or not', () => {
  const ids = idsFor(0.3, [20]);
  expect(ids[0]).toBe(21);
  expect(ids.at(-1)).toBe(20);
});

test('of many who choose at once each begins with another one, and nobody beyond what the budget carries', () => {
  const spending = { budgetUsd: 2, spentUsd: 0, burnUsdPerHour: 0, marginMs: 0 };
  const firsts = [0, 1, 2, 21, 22].map((place) => shelfOf(ranked, { request, spending, place })[0]?.offerId);
  expect(firsts).toEqual([0, 1, 2, 21, 0]);
  const poor = { ...spending, budgetUsd: 0.3 };
  expect(shelfOf(ranked, { request, spending: poor, place: 7 })[0]?.offerId).toBe(20);
});

test('a search of 0.1.0, which names no budget, goes by rank alone', () => {
  expect(shelfOf(ranked, { request, triedOffers: [0] }).map(({ offerId }) => offerId)).toEqual([
    ...Array.from({ length: 21 }, (_, at) => at + 1),
    0,
  ]);
});
