import type { MarketErrorKind } from '../domain/market.ts';

/** Our own codes, beside Vast's: what happened before or instead of an answer. */
export const OUR_CODES = {
  /** No connection came about: not a byte of the request was sent. */
  notConnected: 'not-connected',
  timeout: 'timeout',
  /** Our own queue was full, or gave no turn before the deadline: nothing was sent. */
  noTurn: 'no-turn',
  /** The deadline had passed before the call: nothing was sent. */
  deadline: 'deadline',
  /** Its caller cancelled a create before it was sent. */
  cancelled: 'cancelled',
  tooLarge: 'too-large',
  notJson: 'not-json',
  shape: 'unexpected-shape',
} as const;

const NEVER_SENT: readonly string[] = [OUR_CODES.notConnected, OUR_CODES.noTurn, OUR_CODES.deadline];

/**
 * A call that gave no usable answer: `cannot tell`, which is never "gone" and never "none".
 *
 * The message is fit for logs: it names what was tried and what Vast said, at most 200 characters of that,
 * and never the key. There is no `cause`, because an HTTP library's errors can carry the request.
 */
export class MarketError extends Error {
  override readonly name = 'MarketError';
  readonly kind: MarketErrorKind;
  /** HTTP status, or null when no answer came. */
  readonly status: number | null;
  /** Vast's `error` in lower case, `http-<status>`, or one of `OUR_CODES`. */
  readonly code: string;
  /** How long Vast asked to be left alone, where it said so. */
  readonly retryAfterMs: number | null;

  constructor(facts: {
    kind: MarketErrorKind;
    code: string;
    message: string;
    status?: number | null;
    retryAfterMs?: number | null;
  }) {
    super(facts.message);
    this.kind = facts.kind;
    this.code = facts.code;
    this.status = facts.status ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
  }
}

/** Whether it is certain that Vast never received the request. */
export function wasNeverSent(error: MarketError): boolean {
  return error.status === null && NEVER_SENT.includes(error.code);
}
