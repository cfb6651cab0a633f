import type { Usage } from './usage.ts';

/** What the gateway asks of its keys; see `keys/`. */
export type GatewayKeys<Key extends { readonly id: string } = { readonly id: string }> = {
  /** By hash, in memory. */
  find(token: string): Key | null;
  /** Reserves what a request may use at most. Throws a `Refusal`: 402, 403, 429. */
  begin(
    key: Key,
    order: {
      readonly model: string | null;
      readonly promptTokensAtMost: number;
      readonly completionTokensAtMost: number;
      readonly usdAtMost: number;
    },
  ): Lease;
};

export type Lease = {
  /** Once; later calls do nothing. */
  settle(used: Usage & { readonly usd: number }): void;
};

/** What is told of each answered request. */
export type Metering = {
  note(answered: {
    readonly provider: string;
    readonly model: string;
    readonly session: string | null;
    readonly keyId: string | null;
    readonly status: number;
    readonly seconds: number;
    readonly firstByteSeconds: number | null;
    readonly promptTokens: number;
    readonly completionTokens: number;
    readonly usd: number | null;
    readonly attempts: number;
  }): void;
};

/** Dollars of one request; null where nobody knows its price. A rented GPU is paid by the hour, used or not. */
export type PriceOf = (provider: string, model: string, usage: Usage) => number | null;
