import type { KeyBudget } from '../../domain/gateway-key.ts';
import { Refusal } from '../errors.ts';

export function keyRevoked(): Refusal {
  return new Refusal({
    status: 401,
    message: 'This API key is not valid here any more.',
    type: 'invalid_request_error',
    code: 'invalid_api_key',
  });
}

export function modelNotAllowed(model: string | null): Refusal {
  const what =
    model === null
      ? 'This API key may use some models only, and the request names none.'
      : `This API key may not use the model ${JSON.stringify(model.slice(0, 200))}.`;
  return new Refusal({
    status: 403,
    message: `${what} GET /v1/models lists those that it may.`,
    type: 'invalid_request_error',
    code: 'model_not_allowed',
    param: 'model',
  });
}

export type RateKind = 'requests' | 'tokens';

/** With the numbers of `x-ratelimit-*` in its headers. */
export function rateExceeded(
  of: { kind: RateKind; limit: number; asked: number; retryAfterMs: number | null },
  headers: Readonly<Record<string, string>>,
): Refusal {
  const allowed = `This API key may use ${of.limit} ${of.kind} a minute`;
  const message =
    of.retryAfterMs === null
      ? `${allowed}, and this request alone may need ${of.asked}: shorten it, or ask for fewer with max_tokens.`
      : `${allowed}, which are used up. Ask again in ${Math.ceil(of.retryAfterMs / 1_000)} s.`;
  return new Refusal({
    status: 429,
    message,
    type: 'rate_limit_exceeded',
    code: 'rate_limit_exceeded',
    headers,
    ...(of.retryAfterMs !== null && { retryAfterSeconds: of.retryAfterMs / 1_000 }),
  });
}

/** Asking again does not help before the period is over: 402, which clients do not repeat by themselves. */
export function budgetSpent(budget: KeyBudget, endsInSeconds: number | null): Refusal {
  const { is, until } = wordsOf(budget);
  return new Refusal({
    status: 402,
    message: `The budget of this API key (${is}) has no room for this request${until}.`,
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    ...(endsInSeconds !== null && { retryAfterSeconds: endsInSeconds }),
  });
}

/** There is money, and requests under way may need it: what they leave is free in a moment. */
export function budgetReserved(budget: KeyBudget): Refusal {
  return new Refusal({
    status: 429,
    message: `What is left of the budget of this API key (${wordsOf(budget).is}) is reserved for requests under way. Ask again when they have ended.`,
    type: 'insufficient_quota',
    code: 'budget_reserved',
    retryAfterSeconds: 2,
  });
}

export function keysUnavailable(message: string): Refusal {
  return new Refusal({
    status: 503,
    message,
    type: 'service_unavailable_error',
    code: 'keys_unavailable',
    retryAfterSeconds: 2,
  });
}

function wordsOf({ usd, period }: KeyBudget): { is: string; until: string } {
  switch (period) {
    case 'total':
      return { is: `${usd} USD in all`, until: '' };
    case 'day':
      return { is: `${usd} USD a day`, until: ' before the day ends (UTC)' };
    case 'month':
      return { is: `${usd} USD a month`, until: ' before the month ends (UTC)' };
  }
}
