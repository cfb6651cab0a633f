import type { KeyLimits } from '../../domain/gateway-key.ts';
import { SlidingWindow, type Taken } from '../../domain/sliding-window.ts';
import { type RateKind, rateExceeded } from './refusals.ts';

const MINUTE_MS = 60_000;

export type RateLease = {
  /** What the tokens came to; nothing when the request was not taken on after all. */
  settle(tokens: number): void;
  cancel(): void;
};

const FREE: RateLease = { settle: () => undefined, cancel: () => undefined };

/** Requests and tokens a minute of one key, counted in this process. */
export class Rates {
  readonly #requests: SlidingWindow | null;
  readonly #tokens: SlidingWindow | null;
  readonly #nowMs: () => number;

  constructor({ requestsPerMinute, tokensPerMinute }: KeyLimits, nowMs: () => number) {
    this.#requests = windowOf(requestsPerMinute);
    this.#tokens = windowOf(tokensPerMinute);
    this.#nowMs = nowMs;
  }

  /** Throws a `Refusal`, and then nothing is counted. */
  begin(tokensAtMost: number): RateLease {
    if (this.#requests === null && this.#tokens === null) return FREE;
    const nowMs = this.#nowMs();
    const request = this.#requests?.take(1, nowMs) ?? null;
    if (request?.isTaken === false) throw this.#refusal('requests', 1, request);
    const tokens = this.#tokens?.take(tokensAtMost, nowMs) ?? null;
    if (tokens?.isTaken === false) {
      if (request !== null) this.#requests?.correct(request.slice, -1, nowMs);
      throw this.#refusal('tokens', tokensAtMost, tokens);
    }
    const settle = (used: number): void => {
      if (tokens !== null) this.#tokens?.correct(tokens.slice, used - tokensAtMost, this.#nowMs());
    };
    const cancel = (): void => {
      settle(0);
      if (request !== null) this.#requests?.correct(request.slice, -1, this.#nowMs());
    };
    return { settle, cancel };
  }

  /** As OpenAI's API names them; none where there is no limit. */
  headers(): Record<string, string> {
    return { ...this.#headersOf('requests', this.#requests), ...this.#headersOf('tokens', this.#tokens) };
  }

  #headersOf(kind: RateKind, window: SlidingWindow | null): Record<string, string> {
    if (window === null) return {};
    const nowMs = this.#nowMs();
    return {
      [`x-ratelimit-limit-${kind}`]: String(window.limit),
      [`x-ratelimit-remaining-${kind}`]: String(Math.floor(window.remaining(nowMs))),
      [`x-ratelimit-reset-${kind}`]: `${(window.resetMs(nowMs) / 1_000).toFixed(3)}s`,
    };
  }

  #refusal(kind: RateKind, asked: number, { retryAfterMs }: Extract<Taken, { isTaken: false }>): Error {
    const window = kind === 'requests' ? this.#requests : this.#tokens;
    return rateExceeded({ kind, asked, retryAfterMs, limit: window?.limit ?? 0 }, this.headers());
  }
}

function windowOf(limit: number | null): SlidingWindow | null {
  return limit === null ? null : new SlidingWindow({ limit, spanMs: MINUTE_MS });
}
