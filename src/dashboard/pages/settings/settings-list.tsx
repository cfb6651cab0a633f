import { useState } from 'preact/hooks';
import type { SettingAnswer, SettingsAnswer } from '../../../admin/answers.ts';
import { Card } from '../../components/card.tsx';
import { Chip } from '../../components/chip.tsx';
import { Field } from '../../components/field.tsx';
import { Empty, Shown } from '../../components/states.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { useResource } from '../../resource.ts';

const COLUMNS: readonly Column<SettingAnswer>[] = [
  {
    key: 'name',
    title: 'Setting',
    cell: ({ name, says }) => (
      <>
        <code class="break">{name}</code>
        <p class="quiet small">
          <Marked text={says} />
        </p>
      </>
    ),
  },
  { key: 'value', title: 'Value', cell: (setting) => <Value setting={setting} /> },
];

/** All settings as they count in the HTTP server; what differs from its default first. */
export function SettingsList() {
  const settings = useResource<SettingsAnswer>('/api/admin/settings');
  const [sought, setSought] = useState('');
  return (
    <Card title="All settings">
      <p class="quiet">
        They come from the environment at the start, and count until the next. Secrets are never shown.
      </p>
      <div class="filters">
        <Field label="Find">
          {(wiring) => (
            <input
              {...wiring}
              type="search"
              value={sought}
              onInput={(event) => setSought(event.currentTarget.value)}
            />
          )}
        </Field>
      </div>
      <Shown of={settings} lines={12}>
        {({ items }) => {
          const found = foundIn(items, sought);
          return found.length === 0 ? (
            <Empty title="No setting has that in its name or meaning." />
          ) : (
            <Table caption="Settings" columns={COLUMNS} rows={found} keyOf={({ name }) => name} />
          );
        }}
      </Shown>
    </Card>
  );
}

/** What stands between backticks is to be typed as it is. */
function Marked({ text }: { text: string }) {
  return <>{text.split('`').map((part, at) => (at % 2 === 1 ? <code key={part}>{part}</code> : part))}</>;
}

function Value({ setting: { value, is_set, is_secret, default: usual } }: { setting: SettingAnswer }) {
  if (is_secret) return <Chip tone={is_set ? 'good' : 'idle'}>{is_set ? 'set, not shown' : 'not set'}</Chip>;
  return (
    <>
      <span class="break">{value ?? <span class="quiet">none</span>}</span>
      {is_set && <p class="quiet small">default: {usual ?? 'none'}</p>}
    </>
  );
}

function foundIn(items: readonly SettingAnswer[], sought: string): SettingAnswer[] {
  const words = sought.trim().toLowerCase();
  return items
    .filter(({ name, says }) => `${name} ${says}`.toLowerCase().includes(words))
    .sort((one, other) => Number(other.is_set) - Number(one.is_set));
}
