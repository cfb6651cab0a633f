import type { CostsAnswer } from '../../../admin/answers.ts';
import { usd } from '../../format.ts';

const DAY_MS = 86_400_000;

type DayBarsProps = {
  readonly items: CostsAnswer['items'];
  /** The first day, `2026-03-31`. */
  readonly from: string;
  readonly days: number;
};

/** A bar for each day of the span, also for those on which nothing was spent. */
export function DayBars({ items, from, days }: DayBarsProps) {
  const spent = new Map(items.map(({ key, usd: parts }) => [key, parts.total]));
  const all = Array.from({ length: days }, (_, nth) => {
    const day = new Date(Date.parse(from) + nth * DAY_MS).toISOString().slice(0, 10);
    return { day, total: spent.get(day) ?? 0 };
  });
  const top = Math.max(...all.map(({ total }) => total));
  const dearest = all.find(({ total }) => total === top);
  return (
    <figure
      class="day-bars"
      aria-label={`Dollars a day from ${from}, ${days} days. Most on ${dearest?.day}: ${usd(top)}.`}
    >
      <div class="day-bars-row" aria-hidden="true">
        {all.map(({ day, total }) => (
          <span
            key={day}
            class="day-bar"
            title={`${day}: ${usd(total)}`}
            style={{ height: `${top > 0 ? Math.max(total > 0 ? 2 : 0, (total / top) * 100) : 0}%` }}
          />
        ))}
      </div>
      <figcaption class="row row-between quiet small num">
        <span>{all[0]?.day}</span>
        <span>most: {usd(top)}</span>
        <span>{all.at(-1)?.day}</span>
      </figcaption>
    </figure>
  );
}
