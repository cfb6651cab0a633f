import { useState } from 'preact/hooks';
import type { CostsAnswer } from '../../admin/answers.ts';
import { Card } from '../components/card.tsx';
import { Field } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { Empty, Note, Shown } from '../components/states.tsx';
import { usePageTitle } from '../page-title.ts';
import { useResource } from '../resource.ts';
import { CostsTable, TotalFacts } from './costs/costs-table.tsx';
import { DayBars } from './costs/day-bars.tsx';

const DIMENSIONS: readonly { readonly by: CostsAnswer['by']; readonly name: string }[] = [
  { by: 'day', name: 'Day' },
  { by: 'session', name: 'Session' },
  { by: 'gpu', name: 'GPU' },
  { by: 'part', name: 'Part' },
  { by: 'provider', name: 'Provider' },
  { by: 'model', name: 'Model' },
  { by: 'key', name: 'API key' },
];
const SPANS = [1, 7, 30, 90];
const DAY_MS = 86_400_000;
/** About as high as sums, chart and a first row. */
const LINES = 20;

export function CostsPage() {
  usePageTitle('Costs');
  const [by, setBy] = useState<CostsAnswer['by']>('day');
  const [days, setDays] = useState(30);
  const from = new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10);
  const costs = useResource<CostsAnswer>(`/api/admin/costs?from=${from}&by=${by}`, { keepsLast: true });
  const byDay = useResource<CostsAnswer>(`/api/admin/costs?from=${from}&by=day`, { keepsLast: true });
  return (
    <>
      <div class="page-head">
        <h1>Costs</h1>
        <a
          class="button"
          href={`/api/admin/costs?from=${from}&by=${by}&format=csv`}
          download={`leash-costs-by-${by}.csv`}
        >
          <Icon name="outward" />
          CSV
        </a>
      </div>
      <div class="filters">
        <Field label="Span">
          {(wiring) => (
            <select {...wiring} value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
              {SPANS.map((span) => (
                <option key={span} value={span}>
                  {span === 1 ? 'Today (UTC)' : `Last ${span} days`}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="By">
          {(wiring) => (
            <select
              {...wiring}
              value={by}
              onChange={(event) => setBy(event.currentTarget.value as CostsAnswer['by'])}
            >
              {DIMENSIONS.map((one) => (
                <option key={one.by} value={one.by}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Shown of={costs} lines={LINES}>
        {(data) => (
          <div class="stack">
            {data.unread_sessions.length > 0 && (
              <Note tone="warn">
                No worker told of {data.unread_sessions.join(', ')}: what they cost is not in these sums.
              </Note>
            )}
            <TotalFacts total={data.total} />
            {data.items.length > 0 && days > 1 && (
              <Card title="Dollars a day">
                <Shown of={byDay} lines={5}>
                  {({ items }) => <DayBars items={items} from={from} days={days} />}
                </Shown>
              </Card>
            )}
            <Card title={`By ${DIMENSIONS.find((one) => one.by === data.by)?.name.toLowerCase() ?? data.by}`}>
              {data.items.length === 0 ? (
                <Empty title="Nothing was spent in this span." />
              ) : (
                <CostsTable costs={data} />
              )}
            </Card>
          </div>
        )}
      </Shown>
    </>
  );
}
