import { setTimeout as delay } from 'node:timers/promises';
import type { Budget, Sessions } from '../../client.ts';
import type { SessionView } from '../../domain/session.ts';
import { colours } from '../colours.ts';
import { type Column, table } from '../layout.ts';
import type { LiveScreen } from '../live-screen.ts';
import { bar } from '../offers-text.ts';
import { colourState, type Look } from '../status-text.ts';
import { clock, plural, usd, usdPerHour } from '../text.ts';
import { openSessions } from './end-sessions.ts';

type Watch = {
  readonly screen: LiveScreen;
  /** Frames are drawn; otherwise each change is a line. */
  readonly isLive: boolean;
  /** What stands below the sessions. */
  readonly footer: string;
  readonly signal: AbortSignal;
};

const LOOK_INTERVAL_MS = 2_000;
/** What fits on a screen; the others are counted. */
const SHOWN_AT_MOST = 12;

/** What runs here, as it was last seen; null where Temporal did not answer. */
export type Overview = {
  readonly views: readonly SessionView[];
  readonly unshown: number;
  readonly budget: Budget | null;
};

/** Shows the open sessions and the budget until `signal`: in place on a terminal, in a pipe a line a change. */
export async function watchSessions(sessions: Sessions, watch: Watch): Promise<void> {
  let before: readonly SessionView[] = [];
  while (!watch.signal.aborted) {
    // What cannot be read now is read in a moment; the log has why.
    const seen = await overviewOf(sessions).catch(() => null);
    if (watch.signal.aborted) return;
    if (seen !== null && watch.isLive)
      watch.screen.show((look) => [...overviewLines(seen, look), '', colours.dim(watch.footer)]);
    if (seen !== null && !watch.isLive)
      changeLines(before, seen.views, Date.now()).forEach(watch.screen.print);
    before = seen?.views ?? before;
    await delay(LOOK_INTERVAL_MS, undefined, { signal: watch.signal }).catch(() => undefined);
  }
}

async function overviewOf(sessions: Sessions): Promise<Overview> {
  const names = await openSessions(sessions);
  const shown = names.slice(0, SHOWN_AT_MOST);
  const [budget, ...views] = await Promise.all([
    sessions.budget().catch(() => null),
    ...shown.map((name) => sessions.status(name)),
  ]);
  return { views, unshown: names.length - shown.length, budget };
}

/** The open sessions as a table, and the budget of all. */
export function overviewLines({ views, unshown, budget }: Overview, look: Look): string[] {
  return [
    ...(views.length === 0
      ? ['No session is open: leash launch, in another terminal.']
      : table(
          COLUMNS,
          views.map((view) => rowOf(view, look.nowMs)),
          look.width,
        )),
    ...(unshown === 0 ? [] : [`and ${plural(unshown, 'session')} more: leash sessions`]),
    ...(budget === null ? [] : ['', budgetLine(budget)]),
  ];
}

const COLUMNS: readonly Column[] = [
  { title: 'session', narrowest: 12 },
  { title: 'state' },
  { title: 'GPU', narrowest: 8, dropped: 2 },
  { title: '$/h', align: 'right', dropped: 3 },
  { title: 'spent', align: 'right' },
  { title: 'budget', align: 'right', dropped: 4 },
  { title: 'ends in', align: 'right', dropped: 5 },
  { title: 'model', narrowest: 14, dropped: 1 },
];

function rowOf(view: SessionView, nowMs: number): string[] {
  const { keepAliveUntilMs: untilMs, usdPerHour: price, budget } = view;
  return [
    view.session,
    colourState(view.state),
    view.gpu ?? '',
    price === null ? '' : price.toFixed(3),
    usd(budget.spentUsd),
    usd(budget.limitUsd),
    untilMs === null || view.state !== 'READY' ? '' : clock(untilMs - nowMs),
    view.model ?? '',
  ];
}

/** The budget of the installation, with what is spent and held of it. */
export function budgetLine({ limitUsd, spentUsd, reservedUsd, period }: Budget): string {
  const used = spentUsd + reservedUsd;
  const share = limitUsd === 0 ? 1 : used / limitUsd;
  return `budget ${bar(share, 10)} ${usd(spentUsd)} spent and ${usd(reservedUsd)} reserved of ${usd(limitUsd)} ${periodText(period)}`;
}

/** As VASTAI_BUDGET_PERIOD has it: `month`, `none` or days such as `7d`. */
export function periodText(period: string): string {
  if (period === 'none') return 'in all';
  return period === 'month' ? 'a month' : `in ${period.replace('d', ' days')}`;
}

/** What became of each session since the last look. */
export function changeLines(
  before: readonly SessionView[],
  now: readonly SessionView[],
  nowMs: number,
): string[] {
  const time = new Date(nowMs).toTimeString().slice(0, 8);
  const changed = now.filter(
    (view) => view.state !== before.find(({ session }) => session === view.session)?.state,
  );
  const gone = before.filter(({ session }) => !now.some((view) => view.session === session));
  return [
    ...changed.map(
      (view) => `${time}  ${view.session}: ${view.state}${onGpu(view)}, ${usd(view.budget.spentUsd)} spent`,
    ),
    ...gone.map(({ session }) => `${time}  ${session}: ended`),
  ];
}

function onGpu({ gpu, usdPerHour: price }: SessionView): string {
  return gpu === null || price === null ? '' : ` on ${gpu} at ${usdPerHour(price)}`;
}
