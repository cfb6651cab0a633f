import { usePageTitle } from '../page-title.ts';

export function KeysPage() {
  usePageTitle('API keys');
  return (
    <div class="page-head">
      <h1>API keys</h1>
    </div>
  );
}
