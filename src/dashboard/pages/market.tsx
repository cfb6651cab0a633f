import { usePageTitle } from '../page-title.ts';

export function MarketPage() {
  usePageTitle('Market');
  return (
    <div class="page-head">
      <h1>Market</h1>
    </div>
  );
}
