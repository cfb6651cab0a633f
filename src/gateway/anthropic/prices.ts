import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Usage } from './answer.ts';

/** What a model's tokens cost, USD per million of them. */
export type Price = Rates & {
  /** What every token of a request costs whose prompt is longer than so many tokens. */
  readonly longPrompt?: Rates & { readonly overTokens: number };
};

type Rates = {
  readonly usdPerMillionInput: number;
  readonly usdPerMillionOutput: number;
  readonly usdPerMillionCacheRead: number;
  /** Of the cache that holds for five minutes. */
  readonly usdPerMillionCacheWrite: number;
};

/** Prices by model; a dated model (`claude-haiku-4-5-20251001`) costs what its undated name says. */
export type PriceTable = ReadonlyMap<string, Price>;

/** The price of a model; null where the table does not know it. */
export function priceOf(model: string, table: PriceTable = PUBLISHED): Price | null {
  return table.get(model) ?? table.get(model.replace(/-(?:\d{8}|latest)$/, '')) ?? null;
}

/** What an answer cost. */
export function usdOf(price: Price, usage: Usage): number {
  const { longPrompt } = price;
  const rates = longPrompt && usage.promptTokens > longPrompt.overTokens ? longPrompt : price;
  const plainTokens = usage.promptTokens - usage.cacheReadTokens - usage.cacheWriteTokens;
  const microUsd =
    plainTokens * rates.usdPerMillionInput +
    usage.cacheReadTokens * rates.usdPerMillionCacheRead +
    usage.cacheWriteTokens * rates.usdPerMillionCacheWrite +
    usage.completionTokens * rates.usdPerMillionOutput;
  return microUsd / 1_000_000;
}

const USD = z.number().nonnegative();

const RATES = z.strictObject({
  input: USD,
  output: USD,
  /** A tenth of input where it is not told, and one and a quarter: what most models cost. */
  cacheRead: USD.optional(),
  cacheWrite: USD.optional(),
});

/** `{"claude-…": {"input": 3, "output": 15}}`, USD per million tokens. */
const PRICES = z.record(
  z.string().min(1),
  RATES.extend({ longPrompt: RATES.extend({ overTokens: z.number().int().positive() }).optional() }),
);

/** The published table with a user's prices in it. Throws a ZodError for what is no table. */
export function mergePrices(users: unknown, table: PriceTable = PUBLISHED): PriceTable {
  return new Map([...table, ...tableOf(users)]);
}

/** As published; prices.json says where and when it was read. */
export const PUBLISHED: PriceTable = tableOf(
  JSON.parse(readFileSync(new URL('./prices.json', import.meta.url), 'utf8')).usdPerMillion,
);

function tableOf(prices: unknown): Map<string, Price> {
  return new Map(
    Object.entries(PRICES.parse(prices)).map(([model, { longPrompt, ...rates }]) => [
      model,
      {
        ...ratesOf(rates),
        ...(longPrompt && { longPrompt: { ...ratesOf(longPrompt), overTokens: longPrompt.overTokens } }),
      },
    ]),
  );
}

function ratesOf({ input, output, cacheRead, cacheWrite }: z.infer<typeof RATES>): Rates {
  return {
    usdPerMillionInput: input,
    usdPerMillionOutput: output,
    usdPerMillionCacheRead: cacheRead ?? input / 10,
    usdPerMillionCacheWrite: cacheWrite ?? input * 1.25,
  };
}
