import type { OfferAnswer } from '../../../admin/answers.ts';
import { percent, span, usd, usdPerHour } from '../../format.ts';

const FACTORS = {
  price: 'Price',
  reliability: 'Reliability',
  download: 'Download',
  cuda: 'CUDA',
  disk: 'Disk',
  memory: 'Remembered',
} as const satisfies Record<keyof OfferAnswer['factors'], string>;

type FactorName = keyof typeof FACTORS;

/** Offers as they would be tried, each with what its score is made of. */
export function PlanOffers({ offers }: { offers: readonly OfferAnswer[] }) {
  return (
    <>
      <ul class="row small quiet" aria-hidden="true">
        {(Object.keys(FACTORS) as FactorName[]).map((name, index) => (
          <li key={name} class="nowrap">
            <span class={`swatch part-${index + 1}`} /> {FACTORS[name]}
          </li>
        ))}
      </ul>
      <ol class="offers">
        {offers.map((offer) => (
          <Offer key={offer.offer_id} offer={offer} />
        ))}
      </ol>
    </>
  );
}

function Offer({ offer }: { offer: OfferAnswer }) {
  const { rank, gpu, machine_id, country, reliability, boot_minutes, forecast, score, is_affordable } = offer;
  return (
    <li class="offer">
      <span class="quiet num">{rank}</span>
      <div class="stack-tight">
        <div class="offer-head">
          <span>
            <strong>{gpu}</strong>{' '}
            <span class="quiet small">
              machine {machine_id}
              {country !== null && `, ${country}`}, {percent(reliability, 1)} reliable
              {offer.is_datacenter && ', data centre'}
            </span>
          </span>
          <strong class="num">{usdPerHour(offer.usd_per_hour)}</strong>
        </div>
        <Score offer={offer} />
        <div class="row row-between small quiet num">
          <span>Score {score.toFixed(3)}</span>
          <span>READY in {span(boot_minutes * 60)}</span>
          <span>{usd(forecast.total_usd)} for one keep-alive</span>
        </div>
        {!is_affordable && (
          <p class="small">The budget does not hold one keep-alive of it: it would be passed over.</p>
        )}
      </div>
    </li>
  );
}

/** The bar's whole length is a score of 1. */
function Score({ offer: { factors } }: { offer: OfferAnswer }) {
  const names = Object.keys(FACTORS) as FactorName[];
  return (
    <div class="parts">
      <span class="visually-hidden">
        {names.map((name) => `${FACTORS[name]} ${factors[name].points.toFixed(3)}`).join(', ')}
      </span>
      {names.map((name, index) => (
        <span
          key={name}
          class={`part part-${index + 1}`}
          style={{ width: `${factors[name].points * 100}%` }}
          title={`${FACTORS[name]}: ${factors[name].points.toFixed(3)} of ${factors[name].weight}`}
        />
      ))}
    </div>
  );
}
