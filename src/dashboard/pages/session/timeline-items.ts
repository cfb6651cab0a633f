import { useEffect, useRef, useState } from 'preact/hooks';
import type { StatusAnswer, TimelineAnswer } from '../../../admin/answers.ts';
import { ApiProblem, call } from '../../api.ts';

export type TimelineItem = TimelineAnswer['items'][number];

const PAGE = 1_000;
/** What a browser holds of one session's life; before that only the command line tells of it. */
const PAGES_MAX = 20;
/** Much can change within a second; it is read once for all of it. */
const SETTLE_MS = 400;

type Pages = {
  /** Pages that are full do not change any more. */
  readonly full: readonly TimelineItem[];
  readonly after: string | null;
  readonly newest: readonly TimelineItem[];
};

const NOTHING: Pages = { full: [], after: null, newest: [] };

/** What happened to a session, oldest first; read on whenever its status changes. */
export function useTimeline(status: StatusAnswer): {
  items: readonly TimelineItem[] | null;
  problem: ApiProblem | null;
} {
  const [state, setState] = useState<{ items: readonly TimelineItem[] | null; problem: ApiProblem | null }>({
    items: null,
    problem: null,
  });
  const pages = useRef<Pages>(NOTHING);
  const key = keyOf(status);

  useEffect(() => {
    const turn = new AbortController();
    const read = async () => {
      try {
        pages.current = await readOn(status.session, pages.current, turn.signal);
        setState({ items: [...pages.current.full, ...pages.current.newest], problem: null });
      } catch (error) {
        if (turn.signal.aborted) return;
        pages.current = NOTHING;
        const problem = error instanceof ApiProblem ? error : new ApiProblem(0, { detail: String(error) });
        setState(({ items }) => ({ items, problem }));
      }
    };
    const timer = setTimeout(read, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      turn.abort();
    };
  }, [status.session, key]);

  return state;
}

async function readOn(session: string, known: Pages, signal: AbortSignal): Promise<Pages> {
  let pages = known;
  for (let read = 0; read < PAGES_MAX; read += 1) {
    const after = pages.after === null ? '' : `&after=${encodeURIComponent(pages.after)}`;
    const path = `/api/admin/sessions/${session}/events?limit=${PAGE}${after}`;
    const { items, next } = await call<TimelineAnswer>(path, { signal });
    if (next === null) return { ...pages, newest: items };
    pages = { full: [...pages.full, ...items], after: next, newest: [] };
  }
  return pages;
}

/** What has to change for something new to have happened. */
function keyOf({ state, attempts, keep_alive_until, health, outcome, started_at }: StatusAnswer): string {
  const steps = attempts.map(({ attempt, phase }) => `${attempt}${phase}`).join();
  return [started_at, state, steps, keep_alive_until, health.consecutive_failures, outcome].join(' ');
}
