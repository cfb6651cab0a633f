import { errors } from 'undici';

/** Why a target gave no answer, before the first byte of one reached the caller. */
export type AttemptFailure = {
  readonly kind: FailureKind;
  /** For the log and for people; of the target's own words only what it said as an error. */
  readonly message: string;
  /** Its answer, where it was one that callers can read. */
  readonly answer?: FailedAnswer;
  readonly retryAfterSeconds?: number | undefined;
};

export type FailureKind =
  /** No connection came about: nothing of the request was seen there. */
  | 'unreachable'
  /** The connection broke before an answer was there. */
  | 'reset'
  | 'too-slow'
  /** Our own key was refused: the caller's was right, or it would not have come so far. */
  | 'unauthorized'
  | 'too-many'
  | 'server-error'
  /** What came is neither JSON nor server-sent events. */
  | 'garbage'
  /** It does not have this call for its model. Nothing is wrong with it. */
  | 'no-such-route';

export type FailedAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
};

/** What an error of undici means, as long as no answer had begun. */
export function failureOf(error: Error): AttemptFailure {
  return { kind: kindOf(error), message: error.message };
}

function kindOf(error: Error): FailureKind {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
    return 'too-slow';
  }
  if (error instanceof errors.SocketError || error instanceof errors.HTTPParserError) return 'reset';
  const { code, syscall } = error as NodeJS.ErrnoException;
  // Broken off in the handshake: TLS had not begun, and nothing of the request was seen.
  if (/before secure TLS connection/.test(error.message)) return 'unreachable';
  const isBroken = (code === 'ECONNRESET' || code === 'EPIPE') && syscall !== 'connect';
  return isBroken ? 'reset' : 'unreachable';
}

/** Whose fault a status is. A request that is the caller's fault is not tried elsewhere. */
export function verdictOf(status: number): 'answer' | 'caller' | Exclude<FailureKind, 'unreachable'> {
  if (status >= 200 && status < 300) return 'answer';
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 429) return 'too-many';
  if (status === 408 || status === 409 || status === 425 || status >= 500) return 'server-error';
  if (status >= 400) return 'caller';
  return 'garbage';
}

/** `Retry-After` in seconds or as a date; undefined where it says nothing. */
export function retryAfterOf(value: unknown, nowMs: number): number | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, (atMs - nowMs) / 1_000);
}
