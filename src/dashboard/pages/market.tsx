import { useState } from 'preact/hooks';
import type { OffersAnswer } from '../../admin/answers.ts';
import { Card } from '../components/card.tsx';
import { Empty, Shown } from '../components/states.tsx';
import { usePageTitle } from '../page-title.ts';
import { useResource } from '../resource.ts';
import { MarketFilters, NO_FILTER, type OfferFilter, queryOf } from './market/filters.tsx';
import { MachineMemory } from './market/machine-memory.tsx';
import { OffersTable } from './market/offers-table.tsx';
import { PriceStrips } from './market/price-strips.tsx';
import { RejectedOffers } from './market/rejected-offers.tsx';

/** The server shares one search for 20 s: asking more often would tell nothing new. */
const EVERY_MS = 30_000;
/** About as high as chart and table, so that what stands below them stays where it is. */
const LINES = 34;

export function MarketPage() {
  usePageTitle('Market');
  const [filter, setFilter] = useState<OfferFilter>(NO_FILTER);
  const offers = useResource<OffersAnswer>(`/api/admin/offers?${queryOf(filter)}`, {
    everyMs: EVERY_MS,
    keepsLast: true,
  });
  return (
    <>
      <div class="page-head">
        <h1>Market</h1>
      </div>
      <MarketFilters filter={filter} tiers={offers.data?.tiers ?? []} onChange={setFilter} />
      <Shown of={offers} lines={LINES}>
        {(data) => (
          <div class="stack" aria-busy={offers.isLoading}>
            <p>
              {data.offers_seen} offers seen, {data.offers_fit} fit{' '}
              <strong class="break">{data.model}</strong> with {data.disk_gb} GB of disk.
              {data.items.length < data.offers_fit && ` The best ${data.items.length} are shown.`}
            </p>
            {data.items.length === 0 ? (
              <Card>
                <Empty title="No offer fits.">
                  <p>The reasons are below. A higher top price or more countries let more through.</p>
                </Empty>
              </Card>
            ) : (
              <>
                <Card title="Prices by tier">
                  <PriceStrips offers={data.items} />
                </Card>
                <Card title="In the order of a launch">
                  <div class="tall">
                    <OffersTable offers={data.items} />
                  </div>
                </Card>
              </>
            )}
            {data.rejected !== null && <RejectedOffers rejected={data.rejected} />}
          </div>
        )}
      </Shown>
      <MachineMemory />
    </>
  );
}
