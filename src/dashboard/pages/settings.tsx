import { usePageTitle } from '../page-title.ts';
import { BusinessHours } from './settings/business-hours.tsx';
import { Notifications } from './settings/notifications.tsx';
import { SettingsList } from './settings/settings-list.tsx';
import { ThemeCard } from './settings/theme-card.tsx';

export function SettingsPage() {
  usePageTitle('Settings');
  return (
    <>
      <div class="page-head">
        <h1>Settings</h1>
      </div>
      <ThemeCard />
      <Notifications />
      <BusinessHours />
      <SettingsList />
    </>
  );
}
