import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, mustBeFine } from './answer.ts';
import { MarketError, OUR_CODES } from './market-error.ts';
import { NoTurn, type Pacer, type VastCall } from './pacing.ts';
import type { Bounds, Transport, VastRequest } from './transport.ts';

/** `deadlineMs` is epoch ms: nothing is sent after it and nothing is awaited past it. */
export type CallOptions = { readonly signal?: AbortSignal; readonly deadlineMs?: number };

/** Facts of one request, for metrics and logs: nothing secret. `status` is null when no answer came. */
export type CallFacts = {
  readonly call: VastCall;
  readonly outcome: string;
  readonly status: number | null;
  readonly tookMs: number;
  /** In the queue, before it was sent. */
  readonly waitedMs: number;
};

export type Caller = {
  readonly transport: Transport;
  readonly pacer: Pacer;
  readonly onCall: (facts: CallFacts) => void;
};

/** A caller that names no deadline waits this long, turn in the queue and repeats included. */
const DEADLINE_MS_DEFAULT = 120_000;
const REPEATS_MAX = 4;
const REPEATS_AFTER_429_MAX = 12;
const BACK_OFF_MS = 250;
const BACK_OFF_MS_MAX = 8_000;

export function boundsOf(options: CallOptions | undefined): Bounds {
  return { signal: options?.signal, deadlineMs: options?.deadlineMs ?? Date.now() + DEADLINE_MS_DEFAULT };
}

/**
 * For calls that may be sent again: reads, and changes that say what shall be so. Never for a create.
 *
 * `read` makes the result of an answer, or throws a `MarketError`. What may pass (429, 5xx, a broken
 * connection, an answer that is not JSON) is tried again before the deadline; a 429 waits out the endpoint.
 */
export async function callUntilAnswered<Result>(
  caller: Caller,
  call: VastCall,
  request: VastRequest,
  options: CallOptions | undefined,
  read: (answer: Answer) => Result,
): Promise<Result> {
  const bounds = boundsOf(options);
  let last: MarketError | undefined;
  for (let repeats = 0; ; repeats += 1) {
    try {
      return await callOnce(caller, call, request, bounds, read);
    } catch (error) {
      if (!(error instanceof MarketError)) throw error;
      // "No turn before the deadline" says less than the 429 that made us wait for one.
      if (last && (error.code === OUR_CODES.noTurn || error.code === OUR_CODES.deadline)) throw last;
      last = error;
      if (!isWorthRepeating(error, repeats)) throw error;
      if (error.kind !== 'too-many') await backOff(repeats, bounds, error);
    }
  }
}

/** JSON of a 2xx answer that does not refuse in its body; anything else throws. */
export function readJson(answer: Answer, tried: string): unknown {
  mustBeFine(answer, tried);
  if (answer.json !== undefined) return answer.json;
  throw new MarketError({
    kind: 'bad-answer',
    code: OUR_CODES.notJson,
    message: `Cannot ${tried}: Vast.ai answered ${answer.status}, but not in JSON`,
    status: answer.status,
  });
}

/** An answer in JSON that does not have the shape we rely on. */
export function unexpectedShape(tried: string, what: string): MarketError {
  return new MarketError({
    kind: 'bad-answer',
    code: OUR_CODES.shape,
    message: `Cannot ${tried}: Vast.ai's answer is not as expected: ${what}`,
    status: 200,
  });
}

/** Waits for the endpoint's turn; ms waited. Throws a `MarketError` when there is none, or the signal's reason. */
export async function awaitTurn(
  caller: Caller,
  call: VastCall,
  tried: string,
  bounds: Bounds,
): Promise<number> {
  const startedAt = performance.now();
  if (bounds.signal?.aborted) throw bounds.signal.reason;
  if (Date.now() >= bounds.deadlineMs) {
    throw new MarketError({
      kind: 'unreachable',
      code: OUR_CODES.deadline,
      message: `Cannot ${tried}: the deadline had passed before it was sent`,
    });
  }
  try {
    await caller.pacer.awaitTurn(call, bounds);
  } catch (error) {
    if (!(error instanceof NoTurn)) throw error;
    const message = `Cannot ${tried}: not sent, as Vast.ai limits how often it may be called: ${error.message}`;
    throw new MarketError({ kind: 'too-many', code: OUR_CODES.noTurn, message });
  }
  return performance.now() - startedAt;
}

/** Tells the pacer what an answer means for those who wait behind it. */
export function learnPace(caller: Caller, call: VastCall, error: MarketError | undefined): void {
  if (error?.kind === 'too-many') caller.pacer.holdBack(call, error.retryAfterMs);
  else caller.pacer.release(call);
}

/** A failing listener must not cost the answer, which may be the id of something that bills. */
export function report(caller: Caller, facts: CallFacts): void {
  try {
    caller.onCall(facts);
  } catch {
    // Nothing to tell and nobody to tell it to.
  }
}

/** One request, and nothing after it: for what must not be sent twice. Otherwise as `callUntilAnswered`. */
export async function callOnce<Result>(
  caller: Caller,
  call: VastCall,
  request: VastRequest,
  bounds: Bounds,
  read: (answer: Answer) => Result,
): Promise<Result> {
  const waitedMs = await awaitTurn(caller, call, request.tried, bounds);
  const startedAt = performance.now();
  let status: number | null = null;
  const done = (outcome: string): void =>
    report(caller, { call, outcome, status, tookMs: performance.now() - startedAt, waitedMs });
  try {
    const answer = await caller.transport.send(request, bounds);
    status = answer.status;
    const result = read(answer);
    learnPace(caller, call, undefined);
    done('ok');
    return result;
  } catch (error) {
    if (error instanceof MarketError) learnPace(caller, call, error);
    done(error instanceof MarketError ? error.kind : 'cancelled');
    throw error;
  }
}

function isWorthRepeating({ kind, code }: MarketError, repeats: number): boolean {
  if (code === OUR_CODES.noTurn || code === OUR_CODES.deadline) return false;
  if (kind === 'too-many') return repeats < REPEATS_AFTER_429_MAX;
  if (kind === 'bad-answer') return code === OUR_CODES.notJson && repeats < REPEATS_MAX;
  return (kind === 'server-error' || kind === 'unreachable') && repeats < REPEATS_MAX;
}

/** Throws `error` at once where the pause would end after the deadline. */
async function backOff(repeats: number, { signal, deadlineMs }: Bounds, error: MarketError): Promise<void> {
  const fullMs = Math.min(BACK_OFF_MS * 2 ** repeats, BACK_OFF_MS_MAX);
  const pauseMs = Math.max(error.retryAfterMs ?? 0, fullMs * (0.5 + Math.random() / 2));
  if (Date.now() + pauseMs >= deadlineMs) throw error;
  try {
    await pause(pauseMs, undefined, signal ? { signal } : {});
  } catch (aborted) {
    throw signal?.aborted ? signal.reason : aborted;
  }
}
