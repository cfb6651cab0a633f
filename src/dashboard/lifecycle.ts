import type { AttemptAnswer, StatusAnswer } from '../admin/answers.ts';

/** The life of a session as steps to draw: what each took, what it should take, where it stands. */

export type StepName = 'search' | 'rent' | 'boot' | 'vllm' | 'serve' | 'return';
export type Step = {
  readonly name: StepName;
  readonly title: string;
  readonly state: 'done' | 'current' | 'failed' | 'ahead';
  /** What it has taken, or takes so far; null where nobody measured it. */
  readonly seconds: number | null;
  readonly expectedSeconds: number | null;
};

const TITLES: Record<StepName, string> = {
  search: 'Search',
  rent: 'Rent',
  boot: 'Boot',
  vllm: 'Start vLLM',
  serve: 'Serve',
  return: 'Give back',
};

const ORDER: readonly StepName[] = ['search', 'rent', 'boot', 'vllm', 'serve', 'return'];

const CURRENT: Record<StatusAnswer['state'], StepName | null> = {
  IDLE: null,
  SEARCHING: 'search',
  LAUNCHING: 'rent',
  BOOTING: 'boot',
  STARTING_VLLM: 'vllm',
  READY: 'serve',
  DESTROYING: 'return',
};

/** The steps of the newest attempt; those before it that failed are told by `failedAttempts`. */
export function stepsOf(status: StatusAnswer, nowMs: number): Step[] {
  const attempt = shownAttempt(status);
  const current = CURRENT[status.state];
  return ORDER.map((name) => {
    const span = spanOf(name, status, attempt);
    const isCurrent = name === current;
    const state = isCurrent ? 'current' : standing(name, span, status, attempt);
    const until = span.until ?? (isCurrent ? nowMs : null);
    return {
      name,
      title: TITLES[name],
      state,
      seconds:
        span.from === null || until === null || state === 'ahead'
          ? null
          : Math.max(0, (until - span.from) / 1_000),
      expectedSeconds: expectedOf(name, attempt),
    };
  });
}

/** Attempts that came to nothing, newest first. */
export function failedAttempts({ attempts }: Pick<StatusAnswer, 'attempts'>): AttemptAnswer[] {
  return attempts.filter(({ failure }) => failure !== null).reverse();
}

/** The attempt whose steps are shown: the one that serves, else the newest that is not over, else the newest. */
export function shownAttempt({
  attempts,
  instance_id,
  state,
}: Pick<StatusAnswer, 'attempts' | 'instance_id' | 'state'>) {
  if (state === 'SEARCHING') return null;
  const newest = attempts.at(-1) ?? null;
  const serving = instance_id === null ? undefined : attempts.find((one) => one.instance_id === instance_id);
  return serving ?? attempts.findLast(({ ended_at }) => ended_at === null) ?? newest;
}

type Span = { readonly from: number | null; readonly until: number | null };

function spanOf(name: StepName, status: StatusAnswer, attempt: AttemptAnswer | null): Span {
  const at = (iso: string | null | undefined) => (iso ? Date.parse(iso) : null);
  const ended = at(attempt?.ended_at);
  const brokenOff = attempt !== null && name === lastReached(attempt) ? ended : null;
  switch (name) {
    case 'search':
      return { from: searchBegan(status, attempt), until: at(attempt?.started_at) };
    case 'rent':
      return { from: at(attempt?.started_at), until: at(attempt?.created_at) ?? brokenOff };
    case 'boot':
      return { from: at(attempt?.created_at), until: at(attempt?.running_at) ?? brokenOff };
    case 'vllm':
      return { from: at(attempt?.running_at), until: at(attempt?.ready_at) ?? brokenOff };
    case 'serve':
      return { from: at(attempt?.ready_at ?? status.ready_at), until: ended ?? at(status.receipt?.ended_at) };
    case 'return':
      return { from: ended, until: at(status.receipt?.ended_at) };
  }
}

/** A search begins with the session, and again when an attempt has failed. */
function searchBegan(status: StatusAnswer, attempt: AttemptAnswer | null): number | null {
  const before = status.attempts
    .filter((other) => attempt === null || other.attempt < attempt.attempt)
    .map(({ ended_at }) => (ended_at === null ? 0 : Date.parse(ended_at)));
  const startedMs = status.started_at === null ? null : Date.parse(status.started_at);
  return startedMs === null ? null : Math.max(startedMs, ...before);
}

function standing(
  name: StepName,
  span: Span,
  { state, outcome, ready_at }: StatusAnswer,
  attempt: AttemptAnswer | null,
): Step['state'] {
  const isOver = state === 'IDLE' && outcome !== null;
  if (isOver && name === 'return') return attempt === null ? 'ahead' : 'done';
  if (isOver && ready_at !== null) return 'done';
  if (attempt?.failure && name === lastReached(attempt)) return 'failed';
  if (name === 'search') return attempt !== null || state !== 'IDLE' ? 'done' : 'ahead';
  if (span.from === null) return isBefore(name, CURRENT[state]) ? 'done' : 'ahead';
  return span.until === null && !isOver && !isBefore(name, CURRENT[state]) ? 'ahead' : 'done';
}

function isBefore(name: StepName, current: StepName | null): boolean {
  return current !== null && current !== 'return' && ORDER.indexOf(name) < ORDER.indexOf(current);
}

/** Where a failed attempt had come to. */
function lastReached({ created_at, running_at, ready_at }: AttemptAnswer): StepName {
  if (ready_at) return 'serve';
  if (running_at) return 'vllm';
  return created_at ? 'boot' : 'rent';
}

/** The server counts both expectations from the start of the attempt. */
function expectedOf(name: StepName, attempt: AttemptAnswer | null): number | null {
  if (attempt === null) return null;
  const { expected_running_seconds: running, expected_ready_seconds: ready } = attempt;
  if (name === 'boot') return running ?? null;
  if (name === 'vllm') return ready != null && running != null ? Math.max(0, ready - running) : null;
  return null;
}
