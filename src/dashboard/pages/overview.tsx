import { usePageTitle } from '../page-title.ts';

export function OverviewPage() {
  usePageTitle('Overview');
  return (
    <div class="page-head">
      <h1>Overview</h1>
    </div>
  );
}
