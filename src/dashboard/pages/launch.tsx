import { usePageTitle } from '../page-title.ts';

export function LaunchPage() {
  usePageTitle('Launch');
  return (
    <div class="page-head">
      <h1>Launch</h1>
    </div>
  );
}
