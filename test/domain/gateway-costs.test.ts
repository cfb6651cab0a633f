import fc from 'fast-check';
import { expect, test } from 'vitest';
import { costLinesOf } from '../../src/domain/costs.ts';
import {
  ADMIN_KEY,
  groupSpending,
  SPENDING_DIMENSIONS,
  sumSpending,
  UNUSED,
} from '../../src/domain/gateway-costs.ts';
import { gpuShareUsd, type UsageRow, usdPerMillionTokens } from '../../src/domain/gateway-usage.ts';
import { anInstance, aReceipt, aUsd } from '../support/receipts.ts';

const DAY = Date.UTC(2026, 2, 10);

function aRow(set: Partial<UsageRow> = {}): UsageRow {
  return {
    ...{ fromMs: DAY, provider: 'vastai', model: 'qwen', session: 'default', keyId: 'key_a' },
    ...{
      requests: 10,
      failures: 0,
      promptTokens: 600,
      completionTokens: 400,
      seconds: 5,
      usd: 0,
      unpriced: 10,
    },
    ...set,
  };
}

const opus = aRow({ provider: 'anthropic', model: 'opus', session: null, usd: 0.5, unpriced: 0 });
const lines = costLinesOf(
  aReceipt({ instances: [anInstance({ usd: aUsd({ gpu: 2, storage: 1, bandwidth: 1 }) })] }),
);

test('by provider: GPUs by their bills, others by their price lists, each with what was done for it', () => {
  const groups = groupSpending({ lines, usage: [aRow(), opus], by: 'provider' });
  expect(groups).toMatchObject([
    { key: 'vastai', usd: { gpu: 2, tokens: 0, total: 4 }, instances: 1, use: { requests: 10 } },
    { key: 'anthropic', usd: { gpu: 0, tokens: 0.5, total: 0.5 }, instances: 0, standing: 'not-final' },
  ]);
});

test('a GPU is shared by the tokens it was used for, and is nobody’s where it was not', () => {
  const usage = [aRow(), aRow({ keyId: null, promptTokens: 3_000, completionTokens: 0 }), opus];
  expect(groupSpending({ lines, usage, by: 'key' })).toMatchObject([
    { key: ADMIN_KEY, usd: { gpu: 1.5, total: 3 } },
    { key: 'key_a', usd: { gpu: 0.5, tokens: 0.5, total: 1.5 }, use: { requests: 20, promptTokens: 1_200 } },
  ]);
  expect(groupSpending({ lines, usage: [opus], by: 'model' })).toMatchObject([
    { key: UNUSED, usd: { total: 4 }, use: { requests: 0 } },
    { key: 'opus', usd: { total: 0.5 } },
  ]);
});

test('what is paid by the token is a part of the bill, and belongs to its day', () => {
  const usage = [opus, aRow({ ...opus, fromMs: DAY + 86_400_000, usd: 0.25 })];
  expect(groupSpending({ lines: [], usage, by: 'part' })).toMatchObject([
    { key: 'tokens', usd: { total: 0.75 } },
  ]);
  expect(groupSpending({ lines: [], usage, by: 'day' }).map(({ key, usd }) => [key, usd.total])).toEqual([
    ['2026-03-10', 0.5],
    ['2026-03-11', 0.25],
  ]);
});

test('whatever it is summed by, it comes to the same', () => {
  const rows = fc.array(
    fc.record({
      provider: fc.constantFrom('vastai', 'anthropic'),
      model: fc.constantFrom('qwen', 'opus'),
      session: fc.constantFrom('default', 'other', null),
      keyId: fc.constantFrom('key_a', 'key_b', null),
      promptTokens: fc.integer({ min: 0, max: 1_000 }),
      completionTokens: fc.integer({ min: 0, max: 1_000 }),
      usd: fc.double({ min: 0, max: 10, noNaN: true }),
    }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(rows, fc.boolean(), (sets, isRented) => {
      const usage = sets.map((set) => aRow(set));
      const rented = isRented ? lines : [];
      const { total } = sumSpending(rented, usage).usd;
      for (const by of SPENDING_DIMENSIONS) {
        const groups = groupSpending({ lines: rented, usage, by });
        expect(
          groups.reduce((sum, { usd }) => sum + usd.total, 0),
          by,
        ).toBeCloseTo(total, 9);
        for (const { usd } of groups)
          expect(usd.gpu + usd.storage + usd.bandwidth + usd.tokens, by).toBeCloseTo(usd.total, 9);
      }
    }),
  );
});

test('shares of a GPU come to its price, and none is worth more than it', () => {
  const of = { usdPerHour: 0.6, spanMs: 600_000, tokensOfSpan: 100_000 };
  expect(gpuShareUsd({ ...of, tokens: 100_000 })).toBeCloseTo(0.1, 12);
  expect(gpuShareUsd({ ...of, tokens: 1_000 })).toBeCloseTo(0.001, 12);
  expect(gpuShareUsd({ ...of, tokensOfSpan: 0, tokens: 0 })).toBe(0);
  expect(usdPerMillionTokens(0.1, 100_000)).toBeCloseTo(1, 12);
  expect(usdPerMillionTokens(0.1, 0)).toBeNull();
});
