/** Dollars per million tokens. */
export type TokenPrice = { readonly usdPerMillionInput: number; readonly usdPerMillionOutput: number };

export type WorstCase = {
  readonly promptTokensAtMost: number;
  readonly completionTokensAtMost: number;
  readonly usdAtMost: number;
};

const COMPLETION_TOKENS_ASSUMED = 4_096;
const CONTEXT_TOKENS_ASSUMED = 200_000;
const BYTES_PER_TOKEN = 3;

/**
 * What a request may come to before it is sent.
 *
 * Dollars reckon with a token for each byte, which no tokenizer exceeds, and never more than the model can read: a
 * picture in the body is many bytes and few tokens. Rates reckon with three bytes a token, which text hardly ever
 * falls below: by the byte, a long prompt would be refused for good by a limit that it keeps well. Both are put
 * right when the request has ended.
 */
export function worstCase(of: {
  bodyBytes: number;
  /** Null: the request sets no limit to its answer. */
  completionTokensAsked: number | null;
  /** `n` of the request: each is generated and paid for. */
  choices?: number;
  /** Of the dearest provider that may answer; null where none charges by the token. */
  price: TokenPrice | null;
  completionTokensAssumed?: number;
  contextTokensMax?: number;
}): WorstCase {
  const { bodyBytes, completionTokensAsked, price, choices = 1 } = of;
  const each = completionTokensAsked ?? of.completionTokensAssumed ?? COMPLETION_TOKENS_ASSUMED;
  const completionTokensAtMost = each * Math.max(1, choices);
  const contextTokensMax = of.contextTokensMax ?? CONTEXT_TOKENS_ASSUMED;
  const promptTokensPaid = Math.min(bodyBytes, contextTokensMax);
  return {
    promptTokensAtMost: Math.min(Math.ceil(bodyBytes / BYTES_PER_TOKEN), contextTokensMax),
    completionTokensAtMost,
    usdAtMost:
      price === null
        ? 0
        : (promptTokensPaid * price.usdPerMillionInput + completionTokensAtMost * price.usdPerMillionOutput) /
          1e6,
  };
}
