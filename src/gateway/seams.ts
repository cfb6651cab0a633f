import type { Usage } from './usage.ts';

/** What the gateway asks of its keys; see `keys/`. */
export type CallerKey = {
  readonly id: string;
  readonly limits?: { readonly models: readonly string[] | null };
};

export type GatewayKeys<Key extends CallerKey = CallerKey> = {
  /** By hash, in memory. */
  find(token: string): Key | null;
  /** Reserves what a request may use at most. Throws or rejects with a `Refusal`: 402, 403, 429, 503. */
  begin(
    key: Key,
    order: {
      readonly model: string | null;
      readonly promptTokensAtMost: number;
      readonly completionTokensAtMost: number;
      readonly usdAtMost: number;
    },
  ): Lease | Promise<Lease>;
};

export type Lease = {
  /** Once; later calls do nothing. Null: nobody knows, so that it counts as reserved. */
  settle(used: (Usage & { readonly usd: number }) | null): void;
  rateHeaders?(): Readonly<Record<string, string>>;
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
  /** The share of a rented GPU's price that so many tokens have; null where it is not known. */
  gpuUsd?(session: string, tokens: number): number | null;
};

/** Dollars of one request; null where nobody knows its price. A rented GPU is paid by the hour, used or not. */
export type PriceOf = (provider: string, model: string, usage: Usage) => number | null;
