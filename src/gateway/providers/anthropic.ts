import { priceOf, usdOf } from '../anthropic/prices.ts';
import { ANTHROPIC_DIALECT } from './anthropic-dialect.ts';
import type { AnthropicParts } from './configured.ts';

/** Of what chats use: three tokens read for each that is written. */
const INPUT_SHARE = 0.75;

/** The Messages API for callers of OpenAI's, and what it charges. */
export const ANTHROPIC: AnthropicParts = {
  dialect: ANTHROPIC_DIALECT,
  usdPerMillionTokens(model) {
    const price = priceOf(model);
    if (price === null) return null;
    return price.usdPerMillionInput * INPUT_SHARE + price.usdPerMillionOutput * (1 - INPUT_SHARE);
  },
  usdOf(model, { promptTokens, completionTokens, cacheReadTokens = 0, cacheWriteTokens = 0 }) {
    const price = priceOf(model);
    if (price === null) return null;
    return usdOf(price, {
      promptTokens,
      completionTokens,
      cacheReadTokens,
      cacheWriteTokens,
      thinkingTokens: null,
    });
  },
};
