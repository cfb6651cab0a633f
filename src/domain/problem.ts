/** Refusals a caller gets, by the word that API bodies, exit codes and metrics use for them. */
export const PROBLEM_KINDS = [
  'invalid',
  'unauthorized',
  'over-budget',
  'no-credit',
  'forbidden',
  'not-found',
  'conflict',
  'destroying',
  'nothing-to-extend',
  'too-many',
  'market-unreachable',
  'market-refused',
  'temporal-unreachable',
  'no-worker',
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

/** One thing wrong with an input: which field, what was given, what is allowed. */
export type InputProblem = { readonly field: string; readonly given: unknown; readonly allowed: string };

/** An expected refusal: said to the caller as it is, at every edge. Anything else that is thrown is a bug. */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly problems: readonly InputProblem[];
  /** When asking again makes sense, in seconds. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    kind: ProblemKind,
    detail: string,
    more: { problems?: readonly InputProblem[]; retryAfterSeconds?: number } = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.kind = kind;
    this.problems = more.problems ?? [];
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}
