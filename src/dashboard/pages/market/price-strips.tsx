import type { OfferAnswer } from '../../../admin/answers.ts';

const TICKS = 5;

/** Every offer as a dot on its tier's line of prices: where the cheap ones lie, and how many there are. */
export function PriceStrips({ offers }: { offers: readonly OfferAnswer[] }) {
  const tiers = tiersOf(offers);
  const top = niceTop(Math.max(...offers.map(({ usd_per_hour }) => usd_per_hour)));
  const at = (price: number) => ({ left: `${(price / top) * 100}%` });
  const ticks = Array.from({ length: TICKS + 1 }, (_, nth) => (top * nth) / TICKS);
  return (
    <figure class="strips" aria-label={saysOf(tiers)}>
      <div aria-hidden="true">
        {tiers.map(({ tier, prices }) => (
          <div key={tier} class="strip">
            <span class="strip-name">{tier}</span>
            <div class="strip-line">
              {prices.map((price, nth) => (
                <span key={`${price} ${nth}`} class="strip-dot" style={at(price)} />
              ))}
            </div>
          </div>
        ))}
        <div class="strip">
          <span />
          <div class="strip-ticks num">
            {ticks.map((tick) => (
              <span key={tick} style={at(tick)}>
                ${tick.toFixed(2)}
              </span>
            ))}
          </div>
        </div>
      </div>
      <figcaption class="quiet small">
        Dollars per hour, GPU and disk. Each dot is an offer of the table below.
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
