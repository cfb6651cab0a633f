import { useMemo } from 'preact/hooks';
import type { SampleAnswer, SamplesAnswer } from '../../../admin/answers.ts';
import { Card } from '../../components/card.tsx';
import { Empty, Shown } from '../../components/states.tsx';
import { type Series, TimeChart } from '../../components/time-chart.tsx';
import { ratesOf } from '../../rates.ts';
import type { Resource } from '../../resource.ts';

const HEIGHT_PX = 120;
const SECONDS_PER_MINUTE = 60;

/** How busy it is: the GPU, requests, tokens. */
export function LoadCharts({ samples }: { samples: Resource<SamplesAnswer> }) {
  return (
    <Card title="Load">
      <Shown of={samples} lines={6}>
        {({ items }) =>
          items.length < 2 ? (
            <Empty title="Nothing measured yet.">Two looks make the first rate.</Empty>
          ) : (
            <Charts items={items} />
          )
        }
      </Shown>
    </Card>
  );
}

function Charts({ items }: { items: readonly SampleAnswer[] }) {
  const { times, gpu, requests, tokens } = useMemo(() => seriesOf(items), [items]);
  const isGpuKnown = items.some(({ gpu_util_percent }) => gpu_util_percent !== null);
  const last = items.at(-1);
  return (
    <div class="stack">
      {isGpuKnown && (
        <TimeChart
          title="GPU"
          says={`Last look: ${last?.gpu_util_percent ?? 'unknown'} % busy.`}
          times={times}
          series={gpu}
          format={(value) => `${Math.round(value)}`}
          heightPx={HEIGHT_PX}
          maxAtLeast={100}
        />
      )}
      <TimeChart
        title="Requests"
        says={`At the last look ${last?.running} ran and ${last?.waiting} waited.`}
        times={times}
        series={requests}
        format={(value) => value.toFixed(1)}
        heightPx={HEIGHT_PX}
      />
      <TimeChart
        title="Tokens per second"
        says="Prompt tokens read and answer tokens written."
        times={times}
        series={tokens}
        format={(value) => value.toFixed(0)}
        heightPx={HEIGHT_PX}
      />
    </div>
  );
}

function seriesOf(items: readonly SampleAnswer[]): Record<'gpu' | 'requests' | 'tokens', Series[]> & {
  times: number[];
} {
  const perMinute = ratesOf(items, ({ requests_total }) => requests_total).map((rate) =>
    rate === null ? null : rate * SECONDS_PER_MINUTE,
  );
  return {
    times: items.map(({ at }) => Date.parse(at) / 1_000),
    gpu: [
      {
        label: 'Busy %',
        colour: 1,
        isFilled: true,
        values: items.map(({ gpu_util_percent }) => gpu_util_percent),
      },
      { label: '°C', colour: 2, isDashed: true, values: items.map(({ gpu_temp_c }) => gpu_temp_c) },
    ],
    requests: [
      { label: 'Per minute', colour: 1, isFilled: true, values: perMinute },
      { label: 'Running', colour: 3, values: items.map(({ running }) => running) },
      { label: 'Waiting', colour: 2, isDashed: true, values: items.map(({ waiting }) => waiting) },
    ],
    tokens: [
      {
        label: 'Prompt',
        colour: 4,
        values: ratesOf(items, ({ prompt_tokens_total }) => prompt_tokens_total),
      },
      {
        label: 'Answer',
        colour: 1,
        values: ratesOf(items, ({ generation_tokens_total }) => generation_tokens_total),
      },
    ],
  };
}
