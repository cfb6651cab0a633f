import { usePageTitle } from '../page-title.ts';

export function SettingsPage() {
  usePageTitle('Settings');
  return (
    <div class="page-head">
      <h1>Settings</h1>
    </div>
  );
}
