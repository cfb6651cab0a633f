import type { IncomingMessage } from 'node:http';
import type { AnsweredRequest } from '../domain/gateway-usage.ts';
import type { AttemptFailure } from './failure.ts';
import type { Route } from './target.ts';
import type { Usage } from './usage.ts';

/** Who holds a key of the gateway. */
export type KeyHolder = {
  readonly id: string;
  /** Left out, or null where it may use every model. */
  readonly limits?: { readonly models: readonly string[] | null };
};

/** What the gateway asks of its keys; see `keys/`. */
export type GatewayKeys = {
  /** By hash, in memory. Throws a `Refusal` (503) as long as keys could not be read. */
  find(token: string): KeyHolder | null;
  /**
   * Reserves what a request may use at most. Throws or rejects with a `Refusal`: 402, 403, 429. A promise only
   * where a database has to be asked.
   */
  begin(
    key: KeyHolder,
    need: {
      readonly model: string | null;
      readonly promptTokensAtMost: number;
      readonly completionTokensAtMost: number;
      readonly usdAtMost: number;
    },
  ): Lease | Promise<Lease>;
};

export type Lease = {
  /** Once; later calls do nothing. Null: it was sent, and nobody knows what it came to. */
  settle(used: (Usage & { readonly usd: number }) | null): void;
  /** For the answer: what is left of the key's limits. */
  rateHeaders(): Readonly<Record<string, string>>;
};

/** What is told of each answered request. */
export type Metering = {
  note(answered: AnsweredRequest): void;
  /** The share of a rented GPU's price that so many tokens have; null where it is not known. */
  gpuUsd?(session: string, tokens: number): number | null;
};

/** Dollars of one request at a target; null where nobody knows its price. */
export type PriceOf = (
  at: { readonly provider: string; readonly session: string | null; readonly model: string },
  usage: Usage,
) => number | null;

/** Told of each request and of what was tried for it, by who traces them. */
export type RequestTracer = {
  begin(request: IncomingMessage, route: Route): RequestTrace;
};

export type RequestTrace = {
  attempt(at: {
    readonly provider: string;
    readonly session: string | null;
    readonly model: string;
  }): AttemptTrace;
  end(status: number, attempts: number): void;
};

export type AttemptTrace = { end(came: AttemptEnd): void };

/** `cut-off`: in the middle of its answer. */
export type AttemptEnd = 'answered' | 'cut-off' | 'caller-left' | AttemptFailure['kind'];
