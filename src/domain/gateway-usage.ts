/** What one request through the gateway came to. */
export type AnsweredRequest = {
  readonly provider: string;
  readonly model: string;
  /** The rental that answered; null where a provider is paid by the token. */
  readonly session: string | null;
  /** Null: the admin token. */
  readonly keyId: string | null;
  readonly status: number;
  readonly seconds: number;
  readonly firstByteSeconds: number | null;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** What the provider charges for it; null where it charges by the hour, or nobody knows. */
  readonly usd: number | null;
  readonly attempts: number;
};

/** Sums over requests of one provider, model, session and key within a time. */
export type UsageRow = {
  /** When the hour, or the day where days are asked for, began. */
  readonly fromMs: number;
  readonly provider: string;
  readonly model: string;
  readonly session: string | null;
  readonly keyId: string | null;
  readonly requests: number;
  /** Answered with 500 or above. */
  readonly failures: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly seconds: number;
  readonly usd: number;
  /** Requests of which `usd` knows nothing. */
  readonly unpriced: number;
};

/**
 * Dollars of some tokens of a rented GPU: what it costs in a span is shared by all tokens of that span, so an hour
 * in which it did little makes each of them dear.
 */
export function gpuShareUsd(of: {
  usdPerHour: number;
  spanMs: number;
  tokensOfSpan: number;
  tokens: number;
}): number {
  if (of.tokensOfSpan <= 0) return 0;
  return ((of.usdPerHour * of.spanMs) / 3_600_000) * (of.tokens / of.tokensOfSpan);
}

/** Null where nothing was used. */
export function usdPerMillionTokens(usd: number, tokens: number): number | null {
  return tokens > 0 ? (usd / tokens) * 1e6 : null;
}
