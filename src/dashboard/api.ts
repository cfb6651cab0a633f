import type { ProblemAnswer } from '../admin/answers.ts';

/** The admin API, spoken with the cookie of the sign-in. */

const DEADLINE_MS = 30_000;

/** What the API refused, or what kept it from answering; `message` is for people. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly kind: string;
  readonly problems: NonNullable<ProblemAnswer['problems']>;

  constructor(status: number, answer: Partial<ProblemAnswer> & { detail: string }) {
    super(answer.detail);
    this.status = status;
    this.kind = answer.kind ?? 'unknown';
    this.problems = answer.problems ?? [];
  }

  /** The server could not be reached at all, so that trying again may help. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

/** Called on every 401: the sign-in has run out, or the token was changed. */
let onSignedOut: () => void = () => undefined;
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

export type CallOptions = {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
};

/** One call of the API. Throws an `ApiProblem`; an abort by `signal` throws what `fetch` throws. */
export async function call<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
  const response = await reach(path, options);
  if (response.status === 204) return undefined as Answer;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as Answer;
  if (response.status === 401 && path !== '/api/session') onSignedOut();
  throw new ApiProblem(response.status, problemIn(answer, response.status));
}

async function reach(path: string, { method = 'GET', body, signal, deadlineMs = DEADLINE_MS }: CallOptions) {
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    return await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    const detail = deadline.aborted
      ? `The server did not answer within ${deadlineMs / 1_000} s. It may be busy; try again.`
      : 'The server cannot be reached. What is rented goes on as it was; this page connects again by itself.';
    throw new ApiProblem(0, { detail });
  }
}

function problemIn(answer: unknown, status: number): Partial<ProblemAnswer> & { detail: string } {
  const isProblem = typeof answer === 'object' && answer !== null && 'detail' in answer;
  return isProblem
    ? (answer as ProblemAnswer)
    : { detail: `The server answered ${status} without a reason.` };
}
