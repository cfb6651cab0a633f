import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mergePrices, priceOf, usdOf } from '../../../src/gateway/anthropic/prices.ts';
import { MODELS } from '../../support/anthropic-models.ts';

const NOTHING = {
  promptTokens: 0,
  completionTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  thinkingTokens: null,
};

/** The price of a model that is known. */
function known(model: string, table = mergePrices({})) {
  const price = priceOf(model, table);
  if (!price) throw new Error(`no price of ${model}`);
  return price;
}

describe('prices', () => {
  test('a dated model costs what its undated name says', () => {
    expect(known('claude-haiku-4-5')).toMatchObject({ usdPerMillionInput: 1, usdPerMillionOutput: 5 });
    expect(known('claude-haiku-4-5-20251001')).toEqual(known('claude-haiku-4-5'));
    expect(known('claude-3-5-haiku-latest')).toMatchObject({ usdPerMillionInput: 0.8 });
    expect(known('claude-opus-4-20250514')).toMatchObject({ usdPerMillionInput: 15 });
  });

  test.each([
    'claude-opus-4-99',
    'claude-opus-6',
    'claude-haiku-4-5-mine',
    'claude',
    '',
    'Qwen/Qwen2.5-7B-Instruct',
  ])('of %j nothing is known', (model) => {
    expect(priceOf(model)).toBeNull();
  });

  test.each(Object.keys(MODELS))('of %s', (model) => {
    const {
      usdPerMillionInput: input,
      usdPerMillionOutput: output,
      usdPerMillionCacheRead: read,
    } = known(model);
    expect(output).toBeCloseTo(input * 5);
    expect(read).toBeLessThan(input);
  });

  test('an answer costs its tokens, cached ones at their own price', () => {
    const usage = {
      ...NOTHING,
      promptTokens: 1_000_000,
      cacheReadTokens: 400_000,
      cacheWriteTokens: 100_000,
      completionTokens: 200_000,
    };
    // 500,000 at $3, 400,000 at $0.30, 100,000 at $3.75, 200,000 at $15
    expect(usdOf(known('claude-sonnet-4-6'), usage)).toBeCloseTo(1.5 + 0.12 + 0.375 + 3);
  });

  test('a long prompt costs more where the model says so, answer included', () => {
    const price = known('claude-haiku-5-5');
    expect(usdOf(price, { ...NOTHING, promptTokens: 100_000, completionTokens: 1_000 })).toBeCloseTo(
      0.01 + 0.0005,
    );
    expect(usdOf(price, { ...NOTHING, promptTokens: 100_001, completionTokens: 1_000 })).toBeCloseTo(
      0.05 + 0.0025,
      5,
    );
  });

  test('a user’s prices come before the published ones', () => {
    const table = mergePrices({
      'claude-haiku-4-5': { input: 2, output: 4 },
      'claude-next': { input: 1, output: 3, cacheRead: 0 },
    });
    expect(known('claude-haiku-4-5-20251001', table)).toEqual({
      usdPerMillionInput: 2,
      usdPerMillionOutput: 4,
      usdPerMillionCacheRead: 0.2,
      usdPerMillionCacheWrite: 2.5,
    });
    expect(known('claude-next', table)).toMatchObject({ usdPerMillionOutput: 3, usdPerMillionCacheRead: 0 });
    expect(known('claude-opus-5-5', table)).toEqual(known('claude-opus-5-5'));
  });

  test.each([
    [null],
    ['free'],
    [[]],
    [{ a: 3 }],
    [{ a: { input: -1, output: 1 } }],
    [{ a: { input: 1 } }],
    [{ a: { input: 1, output: 1, batch: 1 } }],
  ])('%j is no table of prices', (users) => {
    expect(() => mergePrices(users)).toThrow(z.ZodError);
  });
});
