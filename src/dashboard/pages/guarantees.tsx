import { usePageTitle } from '../page-title.ts';

export function GuaranteesPage() {
  usePageTitle('Guarantees');
  return (
    <div class="page-head">
      <h1>Guarantees</h1>
    </div>
  );
}
