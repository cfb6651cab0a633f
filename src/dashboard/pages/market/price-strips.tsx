import type { OfferAnswer } from '../../../admin/answers.ts';

const WIDTH = 760;
const ROW = 34;
const LEFT = 128;
const RIGHT = 24;
const BOTTOM = 26;
const TICKS = 5;

/** Every offer as a dot on its tier's line of prices: where the cheap ones lie, and how many there are. */
export function PriceStrips({ offers }: { offers: readonly OfferAnswer[] }) {
  const tiers = tiersOf(offers);
  const top = niceTop(Math.max(...offers.map(({ usd_per_hour }) => usd_per_hour)));
  const height = tiers.length * ROW + BOTTOM;
  const x = (price: number) => LEFT + (price / top) * (WIDTH - LEFT - RIGHT);
  const ticks = Array.from({ length: TICKS + 1 }, (_, nth) => (top * nth) / TICKS);
  return (
    <figure class="strips" aria-label={saysOf(tiers)}>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} aria-hidden="true">
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="strip-grid" x1={x(tick)} x2={x(tick)} y1={4} y2={height - BOTTOM} />
            <text class="strip-tick" x={x(tick)} y={height - 8} text-anchor="middle">
              ${tick.toFixed(2)}
            </text>
          </g>
        ))}
        {tiers.map(({ tier, prices }, row) => (
          <g key={tier} transform={`translate(0 ${row * ROW})`}>
            <text class="strip-name" x={LEFT - 12} y={ROW / 2 + 4} text-anchor="end">
              {tier}
            </text>
            <line class="strip-line" x1={LEFT} x2={WIDTH - RIGHT} y1={ROW / 2} y2={ROW / 2} />
            {prices.map((price, nth) => (
              <circle key={`${price} ${nth}`} class="strip-dot" cx={x(price)} cy={ROW / 2} r={5} />
            ))}
          </g>
        ))}
      </svg>
      <figcaption class="quiet small">
        Dollars per hour, GPU and disk. Each dot is an offer that fits.
      </figcaption>
    </figure>
  );
}

type TierPrices = { readonly tier: string; readonly prices: readonly number[] };

function tiersOf(offers: readonly OfferAnswer[]): TierPrices[] {
  const names = [...new Set(offers.map(({ tier }) => tier))];
  return names.map((tier) => ({
    tier,
    prices: offers.filter((offer) => offer.tier === tier).map(({ usd_per_hour }) => usd_per_hour),
  }));
}

function saysOf(tiers: readonly TierPrices[]): string {
  const lines = tiers.map(
    ({ tier, prices }) =>
      `${tier}: ${prices.length} from $${Math.min(...prices).toFixed(3)} to $${Math.max(...prices).toFixed(3)} per hour`,
  );
  return `Prices by tier. ${lines.join('. ')}.`;
}

/** A round figure above the dearest, so that the marks below are round too. */
function niceTop(dearest: number): number {
  const step = [0.25, 0.5, 1, 2, 5, 10, 20, 50].find((size) => dearest <= size * TICKS * 0.98) ?? 100;
  return Math.max(0.05, Math.ceil(dearest / step) * step);
}
