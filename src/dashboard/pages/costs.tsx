import { usePageTitle } from '../page-title.ts';

export function CostsPage() {
  usePageTitle('Costs');
  return (
    <div class="page-head">
      <h1>Costs</h1>
    </div>
  );
}
