import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiProblem, call } from './api.ts';
import { connection } from './live.ts';

/** What a page reads of the server: what came last, and what is wrong now. Both can be there at once. */
export type Resource<Answer> = {
  readonly data: Answer | null;
  readonly problem: ApiProblem | null;
  readonly isLoading: boolean;
  refresh(): void;
};

type ReadOptions = {
  readonly everyMs?: number | undefined;
  /** Another path asks the same question anew, as for a later hour: what came last stays until its answer. */
  readonly keepsLast?: boolean;
};

/**
 * Reads `path` now, whenever it changes, and every `everyMs`. A failed read keeps what was read before: old
 * figures with a note are worth more than none. `null` reads nothing.
 */
export function useResource<Answer>(
  path: string | null,
  { everyMs, keepsLast = false }: ReadOptions = {},
): Resource<Answer> {
  const [state, setState] = useState<{
    path: string | null;
    data: Answer | null;
    problem: ApiProblem | null;
  }>({
    path,
    data: null,
    problem: null,
  });
  const [isLoading, setIsLoading] = useState(path !== null);
  const running = useRef<AbortController | null>(null);

  const refresh = useCallback(() => {
    if (path === null) return;
    running.current?.abort();
    const turn = new AbortController();
    running.current = turn;
    setIsLoading(true);
    call<Answer>(path, { signal: turn.signal })
      .then((data) => setState({ path, data, problem: null }))
      .catch((error: unknown) => {
        if (turn.signal.aborted) return;
        const problem = error instanceof ApiProblem ? error : new ApiProblem(0, { detail: String(error) });
        setState((before) => ({
          path,
          data: before.path === path || keepsLast ? before.data : null,
          problem,
        }));
      })
      .finally(() => {
        if (running.current === turn) setIsLoading(false);
      });
  }, [path, keepsLast]);

  useEffect(() => {
    refresh();
    const again = everyMs === undefined ? undefined : setInterval(refresh, everyMs);
    return () => {
      clearInterval(again);
      running.current?.abort();
    };
  }, [refresh, everyMs]);

  useEffect(() => {
    let before = connection.peek();
    return connection.subscribe((now) => {
      // Back again: nobody waits for the next turn to see what is so now.
      if (now === 'live' && before === 'lost') refresh();
      if (now !== 'connecting') before = now;
    });
  }, [refresh]);

  const isCurrent = state.path === path || keepsLast;
  return {
    data: isCurrent ? state.data : null,
    problem: isCurrent ? state.problem : null,
    isLoading,
    refresh,
  };
}

/** A button's call: whether it runs, and what went wrong. */
export function useAction<Given extends unknown[], Answer>(act: (...given: Given) => Promise<Answer>) {
  const [isRunning, setIsRunning] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const run = async (...given: Given): Promise<Answer | null> => {
    setIsRunning(true);
    setProblem(null);
    try {
      return await act(...given);
    } catch (error) {
      setProblem(error instanceof ApiProblem ? error : new ApiProblem(0, { detail: String(error) }));
      return null;
    } finally {
      setIsRunning(false);
    }
  };
  return { run, isRunning, problem, forget: () => setProblem(null) };
}
