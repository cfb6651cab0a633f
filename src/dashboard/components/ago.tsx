import { nowMs } from '../clock.ts';
import { clock, duration, secondsSince, secondsUntil } from '../format.ts';

/** How long ago something was, counting; the moment itself is its title. */
export function Ago({ at, never = 'never' }: { at: string | null | undefined; never?: string }) {
  if (!at) return <>{never}</>;
  return (
    <time dateTime={at} title={clock(at)} class="num">
      {duration(secondsSince(at, nowMs.value))} ago
    </time>
  );
}

/** How long until something will be. */
export function Until({ at, never = '–' }: { at: string | null | undefined; never?: string }) {
  const seconds = secondsUntil(at, nowMs.value);
  if (!at || seconds === null) return <>{never}</>;
  return (
    <time dateTime={at} title={clock(at)} class="num">
      {seconds > 0 ? `in ${duration(seconds)}` : 'now'}
    </time>
  );
}
