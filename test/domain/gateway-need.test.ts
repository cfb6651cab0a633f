import fc from 'fast-check';
import { expect, test } from 'vitest';
import { worstCase } from '../../src/domain/gateway-need.ts';

const price = { usdPerMillionInput: 3, usdPerMillionOutput: 15 };

test('a request reserves its bytes as tokens and all that it may generate', () => {
  expect(worstCase({ bodyBytes: 3_000, completionTokensAsked: 1_000, choices: 2, price })).toEqual({
    promptTokensAtMost: 1_000,
    completionTokensAtMost: 2_000,
    usdAtMost: 0.009 + 0.03,
  });
});

test('a picture reserves no more than the model can read; what sets no limit is given one', () => {
  const picture = worstCase({
    bodyBytes: 20e6,
    completionTokensAsked: null,
    price,
    contextTokensMax: 100_000,
  });
  expect(picture).toEqual({
    promptTokensAtMost: 100_000,
    completionTokensAtMost: 4_096,
    usdAtMost: 0.3 + 0.06144,
  });
});

test('where nobody charges by the token nothing is reserved of a budget', () => {
  expect(worstCase({ bodyBytes: 100, completionTokensAsked: 10, price: null }).usdAtMost).toBe(0);
});

test('no request of as many tokens as bytes, and as much generated as asked for, costs more', () => {
  fc.assert(
    fc.property(
      fc.record({
        bodyBytes: fc.nat(100_000),
        asked: fc.nat(10_000),
        choices: fc.integer({ min: 1, max: 8 }),
      }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      ({ bodyBytes, asked, choices }, share) => {
        const { usdAtMost } = worstCase({ bodyBytes, completionTokensAsked: asked, choices, price });
        const usd = (bodyBytes * share * 3 + asked * choices * share * 15) / 1e6;
        expect(usd).toBeLessThanOrEqual(usdAtMost + 1e-12);
      },
    ),
  );
});
