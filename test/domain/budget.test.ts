import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  affords,
  affordsUntil,
  breachMoment,
  budgetLastsMs,
  budgetMoment,
  forWebUi,
  type Spending,
  usd,
} from '../../src/domain/budget.ts';

const HOUR_MS = 3_600_000;

function aSpending(set: Partial<Spending> = {}): Spending {
  return { budgetUsd: 2, spentUsd: 0.5, burnUsdPerHour: 0, marginMs: HOUR_MS / 10, ...set };
}

const money = fc.double({ min: 0, max: 100, noNaN: true });
const price = fc.double({ min: 0.001, max: 50, noNaN: true });
const span = fc.integer({ min: 0, max: 1_000 * HOUR_MS });
const nowMs = fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 });
const spending: fc.Arbitrary<Spending> = fc.record({
  budgetUsd: money,
  spentUsd: money,
  burnUsdPerHour: price,
  marginMs: fc.integer({ min: 0, max: HOUR_MS }),
});

describe('an offer is affordable', () => {
  test('while spent, a keep-alive, its download and the margin come to the budget at most', () => {
    const offer = { usdPerHour: 1, trafficUsd: 0.3, keepAliveMs: HOUR_MS };
    // 0.5 spent + 1.1 hours at 1 $/h + 0.3 = 1.9
    expect(affords(aSpending(), offer)).toEqual({ affordable: true, neededUsd: expect.closeTo(1.9, 9) });
    expect(affords(aSpending({ budgetUsd: 1.89 }), offer).affordable).toBe(false);
  });

  test('only if what else burns in the session fits beside it', () => {
    const offer = { usdPerHour: 1, trafficUsd: 0, keepAliveMs: HOUR_MS };
    expect(affords(aSpending({ burnUsdPerHour: 0.3 }), offer).affordable).toBe(true);
    expect(affords(aSpending({ burnUsdPerHour: 0.5 }), offer).affordable).toBe(false);
  });

  test('never at a price that is not known', () => {
    expect(affords(aSpending(), { usdPerHour: Number.NaN, trafficUsd: 0, keepAliveMs: 1 }).affordable).toBe(
      false,
    );
  });

  test('and then at every lower price, shorter keep-alive and smaller download', () => {
    const offer = fc.record({ usdPerHour: price, trafficUsd: money, keepAliveMs: span });
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(spending, offer, part, part, part, (state, dear, a, b, c) => {
        const cheap = {
          usdPerHour: dear.usdPerHour * a,
          trafficUsd: dear.trafficUsd * b,
          keepAliveMs: dear.keepAliveMs * c,
        };
        expect(affords(state, cheap).neededUsd).toBeLessThanOrEqual(affords(state, dear).neededUsd);
        if (affords(state, dear).affordable) expect(affords(state, cheap).affordable).toBe(true);
      }),
    );
  });
});

describe('the moment at which teardown must begin', () => {
  test('leaves the margin’s burn of the budget', () => {
    // 1.5 left at 1 $/h lasts 90 minutes, less 6 minutes of margin
    expect(budgetMoment(aSpending({ burnUsdPerHour: 1 }), 0)).toBe(84 * 60_000);
    expect(breachMoment(aSpending({ burnUsdPerHour: 1 }), 0)).toBe(90 * 60_000);
  });

  test('is past when the budget has been reached already', () => {
    expect(budgetMoment(aSpending({ spentUsd: 2, burnUsdPerHour: 1 }), 1_000)).toBeLessThan(1_000);
  });

  test('does not exist while nothing burns', () => {
    expect(budgetMoment(aSpending(), 0)).toBeNull();
    expect(breachMoment(aSpending(), 0)).toBeNull();
  });

  test('is never after the breach, and what burns up to it and through the margin stays within the budget', () => {
    fc.assert(
      fc.property(spending, nowMs, (state, now) => {
        const momentMs = budgetMoment(state, now) ?? Number.NaN;
        expect(momentMs).toBeLessThanOrEqual(breachMoment(state, now) ?? Number.NaN);
        if (momentMs < now) return;
        const burnt = (state.burnUsdPerHour * (momentMs - now + state.marginMs)) / HOUR_MS;
        expect(state.spentUsd + burnt).toBeLessThanOrEqual(state.budgetUsd + 1e-6);
      }),
    );
  });

  test('comes no later for a dearer price, more spent or a smaller budget', () => {
    fc.assert(
      fc.property(spending, money, (state, more) => {
        // From a budget not yet passed: a past moment moves towards now as the price rises.
        fc.pre(state.spentUsd + more <= state.budgetUsd);
        const moment = budgetMoment(state, 0) ?? Number.NaN;
        const worse = [
          { ...state, burnUsdPerHour: state.burnUsdPerHour + more },
          { ...state, spentUsd: state.spentUsd + more },
          { ...state, budgetUsd: state.budgetUsd - more },
        ];
        for (const one of worse) expect(budgetMoment(one, 0)).toBeLessThanOrEqual(moment);
      }),
    );
  });
});

describe('serving until a moment is affordable', () => {
  test('exactly as long as it ends by the budget’s moment', () => {
    const aside = fc.integer({ min: 10, max: HOUR_MS }); // at the moment itself rounding may fall either way
    fc.assert(
      fc.property(spending, nowMs, aside, (state, now, ms) => {
        const momentMs = budgetMoment(state, now) ?? Number.NaN;
        fc.pre(momentMs - ms >= now && (state.burnUsdPerHour * ms) / HOUR_MS > 1e-6);
        expect(affordsUntil(state, { nowMs: now, untilMs: momentMs - ms }).affordable).toBe(true);
        expect(affordsUntil(state, { nowMs: now, untilMs: momentMs + ms }).affordable).toBe(false);
      }),
    );
  });

  test('and then until every earlier moment, the past included', () => {
    fc.assert(
      fc.property(spending, nowMs, span, span, (state, now, ms, less) => {
        const long = affordsUntil(state, { nowMs: now, untilMs: now + ms });
        const short = affordsUntil(state, { nowMs: now, untilMs: now + ms - less });
        expect(short.neededUsd).toBeLessThanOrEqual(long.neededUsd);
        expect(short.neededUsd).toBeGreaterThanOrEqual(state.spentUsd);
        if (long.affordable) expect(short.affordable).toBe(true);
      }),
    );
  });
});

test('a budget lasts as long as its price says, and for ever when free', () => {
  expect(budgetLastsMs(2, 0.5)).toBe(4 * HOUR_MS);
  expect(budgetLastsMs(2, 0)).toBe(Number.POSITIVE_INFINITY);
});

test('dollars read like money, small ones to a hundredth of a cent', () => {
  expect([0, 0.0421, 0.5, 12, -0.01].map(usd)).toEqual(['$0.00', '$0.0421', '$0.50', '$12.00', '$-0.0100']);
});

test('in the Web UI no two amounts make a formula', () => {
  expect(forWebUi('$0.12 of $2.00 spent, $0.3000/h. Wait.')).toBe(
    '0.12 USD of 2.00 USD spent, 0.3000 USD/h. Wait.',
  );
});
