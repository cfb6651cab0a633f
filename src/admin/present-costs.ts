import type { Costs } from '../client.ts';
import type { SpendingDimension, SpendingGroup, UsdWithTokens } from '../domain/gateway-costs.ts';
import { usdPerMillionTokens } from '../domain/gateway-usage.ts';
import type { CostsAnswer } from './answers.ts';

type Summed = {
  readonly by: SpendingDimension;
  readonly fromMs: number;
  readonly toMs: number;
  readonly groups: readonly SpendingGroup[];
  readonly total: Omit<SpendingGroup, 'key'>;
  readonly receipts: Costs['receipts'];
  readonly unread: readonly string[];
};

export function presentCosts(summed: Summed): CostsAnswer {
  const { by, receipts, total } = summed;
  return {
    from: new Date(summed.fromMs).toISOString(),
    to: new Date(summed.toMs).toISOString(),
    by,
    items: summed.groups.map(({ key, ...sum }) => ({
      key,
      ...presentSum(sum),
      forecast_usd: by === 'session' ? forecastOf(receipts.filter(({ session }) => session === key)) : null,
    })),
    next: null,
    total: { ...presentSum(total), forecast_usd: forecastOf(receipts) },
    unread_sessions: [...summed.unread],
  };
}

/** Of sessions that have ended, those that got as far as a forecast; null where none did. */
function forecastOf(receipts: Costs['receipts']): number | null {
  const forecasts = receipts.flatMap(({ forecastUsd }) => (forecastUsd === null ? [] : [forecastUsd]));
  return forecasts.length === 0 ? null : dollars(forecasts.reduce((sum, usd) => sum + usd, 0));
}

function presentSum({ usd, instances, standing, use }: Omit<SpendingGroup, 'key'>) {
  return { usd: presentUsd(usd), use: presentUse(use, usd.total), instances, standing };
}

function presentUse(use: SpendingGroup['use'], usdTotal: number) {
  if (use === null) return null;
  const { requests, promptTokens, completionTokens } = use;
  // By the hour it is known what they cost together; by the token not while a price is missing.
  const isKnown = usdTotal > 0 || use.unpriced === 0;
  const perMillion = usdPerMillionTokens(usdTotal, promptTokens + completionTokens);
  return {
    requests,
    failures: use.failures,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    usd_per_request: isKnown && requests > 0 ? dollars(usdTotal / requests) : null,
    usd_per_million_tokens: isKnown && perMillion !== null ? dollars(perMillion) : null,
  };
}

function presentUsd(usd: UsdWithTokens): UsdWithTokens {
  return {
    gpu: dollars(usd.gpu),
    storage: dollars(usd.storage),
    bandwidth: dollars(usd.bandwidth),
    tokens: dollars(usd.tokens),
    total: dollars(usd.total),
  };
}

function dollars(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}
