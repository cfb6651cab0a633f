import type { OfferAnswer } from '../../../admin/answers.ts';
import { Bar } from '../../components/bar.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { duration, percent, usd } from '../../format.ts';

const COLUMNS: readonly Column<OfferAnswer>[] = [
  { key: 'rank', title: '#', isNumber: true, cell: ({ rank }) => rank },
  {
    key: 'gpu',
    title: 'GPU',
    cell: ({ gpu, tier }) => (
      <>
        <span class="nowrap">{gpu}</span>
        {tier !== gpu && <span class="quiet small"> in {tier}</span>}
      </>
    ),
  },
  { key: 'price', title: '$/h', isNumber: true, cell: ({ usd_per_hour }) => usd_per_hour.toFixed(3) },
  {
    key: 'whole',
    title: 'With traffic',
    isNumber: true,
    isMinor: true,
    cell: ({ usd_per_hour_whole }) => usd_per_hour_whole.toFixed(3),
  },
  {
    key: 'total',
    title: 'One keep-alive',
    isNumber: true,
    isMinor: true,
    cell: ({ forecast, is_affordable }) =>
      is_affordable ? usd(forecast.total_usd) : `${usd(forecast.total_usd)}, over budget`,
  },
  {
    key: 'boot',
    title: 'READY after',
    isNumber: true,
    isMinor: true,
    cell: ({ boot_minutes }) => duration(boot_minutes * 60),
  },
  { key: 'score', title: 'Score', cell: (offer) => <Score offer={offer} /> },
  {
    key: 'reliability',
    title: 'Reliability',
    isNumber: true,
    isMinor: true,
    cell: ({ reliability }) => percent(reliability, 1),
  },
  {
    key: 'download',
    title: 'Download',
    isNumber: true,
    isMinor: true,
    cell: ({ download_mbps }) => `${Math.round(download_mbps)} Mbit/s`,
  },
  { key: 'country', title: 'In', isMinor: true, cell: ({ country }) => country ?? '–' },
  { key: 'machine', title: 'Machine', isNumber: true, isMinor: true, cell: ({ machine_id }) => machine_id },
];

export function OffersTable({ offers }: { offers: readonly OfferAnswer[] }) {
  return (
    <Table caption="Offers that fit" columns={COLUMNS} rows={offers} keyOf={({ offer_id }) => offer_id} />
  );
}

/** The score, and on demand what of it comes from where. */
function Score({ offer: { score, factors } }: { offer: OfferAnswer }) {
  return (
    <details class="score">
      <summary>
        <Bar share={score} />
        <span class="num">{score.toFixed(2)}</span>
      </summary>
      <dl class="factors">
        {Object.entries(factors).map(([name, { value, points, weight }]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Bar share={value} />
              <span class="num">
                {points.toFixed(2)} of {weight.toFixed(2)}
              </span>
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
