import { Check } from '../../components/check.tsx';
import { Field } from '../../components/field.tsx';

/** As typed: what is no number or country is left to the server to say. */
export type OfferFilter = {
  readonly verifiedOnly: boolean;
  readonly usdPerHourMax: string;
  readonly country: string;
  /** Empty: every tier. */
  readonly tier: string;
};

export const NO_FILTER: OfferFilter = { verifiedOnly: true, usdPerHourMax: '', country: '', tier: '' };

/** As many as one answer holds. */
const SHOWN = 100;

export function queryOf({ verifiedOnly, usdPerHourMax, country, tier }: OfferFilter): string {
  const query = new URLSearchParams({
    explain: 'true',
    limit: String(SHOWN),
    verified_only: String(verifiedOnly),
  });
  if (usdPerHourMax.trim() !== '') query.set('max_usd_per_hour', usdPerHourMax.trim());
  if (country.trim() !== '') query.set('countries', country.trim());
  if (tier !== '') query.set('tier', tier);
  return query.toString();
}

type MarketFiltersProps = {
  readonly filter: OfferFilter;
  readonly tiers: readonly string[];
  readonly onChange: (filter: OfferFilter) => void;
};

export function MarketFilters({ filter, tiers, onChange }: MarketFiltersProps) {
  return (
    <form class="filters" aria-label="Filter offers" onSubmit={(event) => event.preventDefault()}>
      <Field label="Tier" hint="Of the GPU table">
        {(wiring) => (
          <select
            {...wiring}
            value={filter.tier}
            onChange={(event) => onChange({ ...filter, tier: event.currentTarget.value })}
          >
            <option value="">every one</option>
            {tiers.map((tier) => (
              <option key={tier} value={tier}>
                {tier}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Top price" hint="USD per hour">
        {(wiring) => (
          <input
            {...wiring}
            type="number"
            min="0"
            step="0.05"
            value={filter.usdPerHourMax}
            onChange={(event) => onChange({ ...filter, usdPerHourMax: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label="Countries" hint="Codes such as DE, US">
        {(wiring) => (
          <input
            {...wiring}
            value={filter.country}
            onChange={(event) => onChange({ ...filter, country: event.currentTarget.value })}
          />
        )}
      </Field>
      <Check
        isChecked={filter.verifiedOnly}
        onChange={(verifiedOnly) => onChange({ ...filter, verifiedOnly })}
      >
        Verified hosts only
      </Check>
    </form>
  );
}
