import type { Costs } from '../client.ts';
import type { CostDimension, CostGroup } from '../domain/costs.ts';
import type { Usd } from '../domain/session.ts';
import type { CostsAnswer } from './answers.ts';

type Summed = {
  readonly by: CostDimension;
  readonly fromMs: number;
  readonly toMs: number;
  readonly groups: readonly CostGroup[];
  readonly total: Omit<CostGroup, 'key'>;
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

function presentSum({ usd, instances, standing }: Omit<CostGroup, 'key'>) {
  return { usd: presentUsd(usd), instances, standing };
}

function presentUsd(usd: Usd): Usd {
  return {
    gpu: dollars(usd.gpu),
    storage: dollars(usd.storage),
    bandwidth: dollars(usd.bandwidth),
    total: dollars(usd.total),
  };
}

function dollars(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}
