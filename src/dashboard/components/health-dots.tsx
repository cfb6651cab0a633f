import type { SampleAnswer } from '../../admin/answers.ts';
import { clock } from '../format.ts';

const MINUTES = 60;
const MS_PER_MINUTE = 60_000;

/** One dot for each two minutes of the last hour, the newest at the right. */
const DOTS = 30;

type Look = 'good' | 'bad' | 'none';

/** Whether the model answered during the last hour, as a row of dots and as a sentence. */
export function HealthDots({ samples, nowMs }: { samples: readonly SampleAnswer[]; nowMs: number }) {
  const dots = dotsOf(samples, nowMs);
  return (
    <div class="health">
      <span class="visually-hidden">{sentenceOf(dots)}</span>
      <svg class="health-dots" viewBox={`0 0 ${DOTS * 8} 10`} aria-hidden="true">
        {dots.map(({ look, atMs }, index) => (
          <Dot
            key={atMs}
            look={look}
            x={index * 8 + 4}
            says={`${clock(new Date(atMs).toISOString())}: ${WORDS[look]}`}
          />
        ))}
      </svg>
    </div>
  );
}

const WORDS: Record<Look, string> = { good: 'answered', bad: 'did not answer', none: 'not looked' };

/** A failure is a square: the shape tells it apart where the colour does not. */
function Dot({ look, x, says }: { look: Look; x: number; says: string }) {
  return look === 'bad' ? (
    <rect class="health-bad" x={x - 3.5} y={0.5} width={7} height={9}>
      <title>{says}</title>
    </rect>
  ) : (
    <circle class={`health-${look}`} cx={x} cy={5} r={look === 'none' ? 1.5 : 3}>
      <title>{says}</title>
    </circle>
  );
}

/** The worst that was seen in each of the spans: a short failure must not hide behind a good look. */
export function dotsOf(samples: readonly SampleAnswer[], nowMs: number): { look: Look; atMs: number }[] {
  const spanMs = (MINUTES * MS_PER_MINUTE) / DOTS;
  const endMs = Math.ceil(nowMs / spanMs) * spanMs;
  const dots = Array.from({ length: DOTS }, (_, index) => ({
    look: 'none' as Look,
    atMs: endMs - (DOTS - index) * spanMs,
  }));
  for (const { at, is_ok } of samples) {
    const dot = dots[Math.floor((Date.parse(at) - (endMs - DOTS * spanMs)) / spanMs)];
    if (dot === undefined || is_ok === null) continue;
    dot.look = !is_ok || dot.look === 'bad' ? 'bad' : 'good';
  }
  return dots;
}

function sentenceOf(dots: readonly { look: Look }[]): string {
  const bad = dots.filter(({ look }) => look === 'bad').length;
  const looked = dots.filter(({ look }) => look !== 'none').length;
  if (looked === 0) return 'Health: no look in the last hour.';
  return bad === 0
    ? 'Health: it answered every look of the last hour.'
    : `Health: in ${bad} of ${looked} spans of two minutes it did not answer.`;
}
