import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock } from '../format.ts';
import { theme } from '../theme.ts';

export type Series = {
  readonly label: string;
  /** One for each time; null where nothing is known. */
  readonly values: readonly (number | null)[];
  /** 1 to 6: a colour of the theme. */
  readonly colour: 1 | 2 | 3 | 4 | 5 | 6;
  readonly isDashed?: boolean;
  readonly isFilled?: boolean;
};

type TimeChartProps = {
  readonly title: string;
  /** The chart in a sentence, for those who do not see it. */
  readonly says: string;
  /** Epoch seconds, rising. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  readonly heightPx?: number;
  /** What the axis reaches at least, as 100 for per cent. */
  readonly maxAtLeast?: number;
};

/** Lines over time, drawn on a canvas; as wide as it may be, drawn again when theme or width change. */
export function TimeChart({
  title,
  says,
  times,
  series,
  format,
  heightPx = 200,
  maxAtLeast = 0,
}: TimeChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const isDark = theme.value === 'dark';
  const shape = series.map(({ label, colour, isDashed, isFilled }) => [label, colour, isDashed, isFilled]);

  // Drawn anew when its look changes; its figures have an effect of their own.
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const drawn = new uPlot(
      optionsOf(element, { series, format, heightPx, maxAtLeast }),
      dataOf(times, series),
      element,
    );
    chart.current = drawn;
    const watch = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: heightPx }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      drawn.destroy();
      chart.current = null;
    };
  }, [isDark, heightPx, JSON.stringify(shape)]);

  useEffect(() => {
    chart.current?.setData(dataOf(times, series));
  }, [times, series]);

  return (
    <figure class="chart" aria-label={`${title}. ${says}`}>
      <figcaption class="chart-title">{title}</figcaption>
      <div ref={place} class="chart-place" style={{ minHeight: `${heightPx}px` }} aria-hidden="true" />
    </figure>
  );
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])] as uPlot.AlignedData;
}

type Look = Required<Pick<TimeChartProps, 'series' | 'format' | 'heightPx' | 'maxAtLeast'>>;

function optionsOf(element: HTMLElement, { series, format, heightPx, maxAtLeast }: Look): uPlot.Options {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: read('--text-quiet'),
    grid: { stroke: read('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth || 320,
    height: heightPx,
    cursor: { drag: { x: false, y: false } },
    legend: { show: true, live: true },
    // Nobody points at it: the legend tells the newest figures.
    hooks: { ready: [tellNewest], setData: [tellNewest], setCursor: [tellNewest] },
    scales: { y: { range: (_, min, max) => [Math.min(0, min), Math.max(maxAtLeast, max * 1.08) || 1] } },
    axes: [
      // Room for a time with its seconds.
      { ...axis, space: 76, values: timesOf },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      { label: 'Time', value: (_, at) => (at === null ? '–' : clock(new Date(at * 1_000).toISOString())) },
      ...series.map(({ label, colour, isDashed, isFilled }) => ({
        label,
        stroke: read(`--series-${colour}`),
        width: 2,
        points: { show: false },
        spanGaps: false,
        value: (_: uPlot, value: number | null) => (value === null ? '–' : format(value)),
        ...(isDashed && { dash: [6, 5] }),
        ...(isFilled && { fill: `${read(`--series-${colour}`)}22` }),
      })),
    ],
  };
}

function tellNewest(drawn: uPlot): void {
  const { idx } = drawn.cursor;
  if (idx !== null && idx !== undefined) return;
  const measured = drawn.data[1] ?? [];
  const newest = measured.findLastIndex((value) => value !== null && value !== undefined);
  drawn.setLegend({ idx: Math.max(0, newest) }, false);
}

const DAY_SECONDS = 86_400;

/** Clock times as this browser writes them; the date where a day begins, or where days are the steps. */
function timesOf(_: uPlot, splits: number[], _axis: number, _space: number, stepSeconds: number): string[] {
  return splits.map((split) => {
    const at = new Date(split * 1_000);
    const isDay = stepSeconds >= DAY_SECONDS || (at.getHours() === 0 && at.getMinutes() === 0);
    return isDay
      ? at.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })
      : at.toLocaleTimeString(undefined, {
          hour: '2-digit',
          minute: '2-digit',
          ...(stepSeconds < 60 && { second: '2-digit' }),
        });
  });
}
