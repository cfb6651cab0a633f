import { useState } from 'preact/hooks';
import type { StatusAnswer } from '../../../admin/answers.ts';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Shape, stateWord, type Tone } from '../../components/chip.tsx';
import { Empty, Loading, ProblemNote } from '../../components/states.tsx';
import { clock, count } from '../../format.ts';
import { type TimelineItem, useTimeline } from './timeline-items.ts';

const SHOWN_AT_ONCE = 100;

/** What happened, newest first; earlier events come into the page as they are asked for. */
export function Timeline({ status }: { status: StatusAnswer }) {
  const { items, problem } = useTimeline(status);
  const [shown, setShown] = useState(SHOWN_AT_ONCE);
  return (
    <Card
      title="Timeline"
      aside={
        items !== null && <span class="quiet small num">{count(items.length)} events, newest first</span>
      }
    >
      {problem !== null && <ProblemNote problem={problem} />}
      {items === null && problem === null && <Loading lines={8} />}
      {items?.length === 0 && <Empty title="Nothing has happened yet." />}
      {items !== null && items.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by the keyboard or not at all
        <section class="scroller" tabIndex={0} aria-label="Timeline, newest first">
          <ol class="timeline">
            {newestOf(items, shown).map((item) => (
              <Happened key={item.id} item={item} />
            ))}
          </ol>
          {items.length > shown && (
            <Button onClick={() => setShown(shown + SHOWN_AT_ONCE)}>
              Show {count(Math.min(SHOWN_AT_ONCE, items.length - shown))} earlier
            </Button>
          )}
        </section>
      )}
    </Card>
  );
}

const TONES: Record<TimelineItem['kind'], Tone> = {
  launched: 'good',
  state: 'good',
  step: 'idle',
  failed: 'bad',
  message: 'warn',
  deadline: 'warn',
  pending: 'busy',
  ended: 'good',
};

function Happened({ item }: { item: TimelineItem }) {
  const { kind, at, title, detail, attempt } = item;
  return (
    <li class={`happened happened-${kind}`}>
      <time class="quiet small num nowrap" dateTime={at}>
        {clock(at)}
      </time>
      <Shape tone={TONES[kind]} />
      <div class="break">
        {kind === 'state' ? stateTitle(title) : title.charAt(0).toUpperCase() + title.slice(1)}
        {attempt !== undefined && <span class="quiet small"> · attempt {attempt}</span>}
        {detail !== undefined && <p class="quiet small">{detail}</p>}
      </div>
    </li>
  );
}

function newestOf(items: readonly TimelineItem[], shown: number): TimelineItem[] {
  return items.slice(-shown).reverse();
}

/** A state is told by its name; people read its word. */
function stateTitle(title: string): string {
  return stateWord(title as StatusAnswer['state']) ?? title;
}
