import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { DialectRequest } from './dialect.ts';
import { NOTHING } from './events.ts';
import { type AttemptFailure, failureOf, verdictOf } from './failure.ts';
import { type Intake, intakeOf, type Step } from './intake.ts';
import { redirectFrom } from './redirect.ts';
import type { Route, Target } from './target.ts';
import type { Usage } from './usage.ts';
import type { StreamEdits } from './vllm-streams.ts';

/** Who sent a request and is told what comes of it: `failed`, or `answered`, or `begun` and then `ended`. */
export type AttemptListener = {
  /** Nothing has reached the caller: another target may be tried. */
  failed(failure: AttemptFailure): void;
  /** A whole answer. */
  answered(head: AnswerHead, body: Buffer): void;
  begun(head: AnswerHead): void;
  /** False when the caller reads too slowly: the attempt is paused then. */
  passed(bytes: Buffer): boolean;
  /** `isWhole`: false for an answer that was cut off; `hasTold`: the caller knows it already. */
  ended(end: { readonly isWhole: boolean; readonly hasTold: boolean; readonly why: string }): void;
};

export type AnswerHead = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly isEvents: boolean;
  /** In another API's shape no header of the target's is for the caller. */
  readonly isTranslated: boolean;
};

export type AttemptOrder = {
  readonly target: Target;
  readonly route: Route;
  readonly path: string;
  readonly headers: string[];
  readonly bytes: Buffer;
  readonly isStream: boolean;
  readonly edits: StreamEdits;
  readonly translated: DialectRequest | null;
};

/** For the rest of an error that will be tried elsewhere. */
const ERROR_BODY_MS = 2_000;

type Controller = Dispatcher.DispatchController;

/**
 * One request at one target, from the first byte sent to the last received.
 *
 * 1. Nothing is told to the listener after `stop`, nor after `failed`, `answered` or `ended`.
 * 2. Until `begun` the answer is held, and may still fail; see `intake.ts`.
 * 3. While the caller holds the target back, no deadline of the target's runs.
 */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly #order: AttemptOrder;
  readonly #listener: AttemptListener;
  #controller: Controller | null = null;
  #phase: 'waiting' | 'holding' | 'passing' | 'over' = 'waiting';
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #intake: Intake | null = null;
  #pending: Buffer[] = [];
  #isFlushDue = false;
  #isPaused = false;
  #redirects = 0;
  /** Of answers that only sent on: what else comes of them is of no interest. */
  readonly #left = new Set<Controller>();
  #timer: NodeJS.Timeout | null = null;

  constructor(order: AttemptOrder, listener: AttemptListener) {
    this.#order = order;
    this.#listener = listener;
  }

  get usage(): Usage | null {
    return this.#intake?.usage ?? null;
  }

  /** How many events of a stream have come. */
  get events(): number {
    return this.#intake?.events ?? 0;
  }

  send(): void {
    const { target, path, headers, bytes, isStream } = this.#order;
    const { firstEventMs, headersMs } = target.deadlines;
    this.#wait(isStream ? firstEventMs : headersMs);
    this.#dispatch({ origin: target.origin, path, method: 'POST', headers, body: bytes });
  }

  /** The caller went away: the target is told by the closed connection and stops generating. */
  stop(): void {
    if (this.#phase === 'over') return;
    this.#finish();
    this.#controller?.abort(new Error('the caller went away'));
  }

  /** The caller reads again. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#timer?.refresh();
    this.#controller?.resume();
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#phase === 'over') controller.abort(new Error('the caller went away'));
  }

  onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200 || this.#phase === 'over') return;
    this.#status = status;
    this.#headers = headers;
    if (this.#follow(controller)) return;
    const verdict = verdictOf(status);
    if (verdict === 'garbage') {
      this.#fail({ kind: 'garbage', message: `it answered ${status}` });
      return;
    }
    if (verdict !== 'answer' && verdict !== 'caller') this.#wait(ERROR_BODY_MS);
    this.#phase = 'holding';
    const { route, isStream, edits, translated } = this.#order;
    this.#intake = intakeOf({ status, headers, route, isStream, edits, translated });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#isLeft(controller)) return;
    if (this.#phase === 'passing') this.#passLater(chunk);
    else if (this.#phase === 'holding') this.#go(this.#intake?.take(chunk));
  }

  onResponseEnd(controller: Controller): void {
    if (this.#isLeft(controller)) return;
    if (this.#phase === 'waiting') this.#fail({ kind: 'reset', message: 'it ended before it answered' });
    if (this.#phase === 'holding') this.#go(this.#intake?.end());
    // What was held may have begun just now: then it ends in the same breath.
    if (this.#phase === 'passing') this.#endPassing();
  }

  onResponseError(controller: Controller, error: Error): void {
    if (this.#isLeft(controller)) return;
    if (this.#phase === 'passing') {
      this.flush();
      this.#end(false, error.message);
    } else if (this.#phase === 'holding') {
      this.#go(this.#intake?.breakOff({ kind: 'reset', message: error.message }));
    } else if (this.#phase === 'waiting') this.#fail(failureOf(error));
  }

  #dispatch(options: Dispatcher.DispatchOptions): void {
    try {
      this.#order.target.dispatcher.dispatch(options, this);
    } catch (error) {
      // Closed in this very moment: its session has just left.
      const message = error instanceof Error ? error.message : String(error);
      queueMicrotask(() => this.#fail({ kind: 'unreachable', message }));
    }
  }

  #isLeft(controller: Controller): boolean {
    return this.#left.size > 0 && this.#left.has(controller);
  }

  /** A target that is starting sends on to where its answer will be, which is asked for by GET. */
  #follow(controller: Controller): boolean {
    const { target, path: from, bytes, headers } = this.#order;
    const status = this.#status;
    if (status < 300 || status > 399 || this.#redirects >= target.redirectsMax) return false;
    const path = redirectFrom(this.#headers.location, { origin: target.origin, path: from });
    if (path === null) return false;
    this.#redirects += 1;
    this.#left.add(controller);
    this.#controller = null;
    const { origin } = target;
    if (status === 307 || status === 308) {
      this.#dispatch({ origin, path, method: 'POST', headers, body: bytes });
    } else this.#dispatch({ origin, path, method: 'GET', headers: withoutContentType(headers) });
    return true;
  }

  #go(step: Step | undefined): void {
    switch (step?.kind) {
      case 'failed':
        this.#fail(step.failure);
        break;
      case 'answered': {
        const head = { ...this.#head(), status: step.status };
        this.#finish();
        this.#listener.answered(head, step.body);
        break;
      }
      case 'begun':
        this.#phase = 'passing';
        this.#wait(this.#order.target.deadlines.betweenChunksMs);
        this.#listener.begun(this.#head());
        this.#tell(step.bytes);
        break;
      default: // more is to come
    }
  }

  /** What arrives in one go is sent on in one: an event each would cost a write each. */
  #passLater(chunk: Buffer): void {
    this.#pending.push(chunk);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    process.nextTick(flushOf, this);
  }

  /** For `flushOf` alone, beside this class. */
  flush(): void {
    this.#isFlushDue = false;
    if (this.#phase !== 'passing' || this.#pending.length === 0) return;
    const [first = NOTHING] = this.#pending;
    const bytes = this.#pending.length === 1 ? first : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#timer?.refresh();
    this.#tell(this.#intake?.pass(bytes) ?? NOTHING);
  }

  #tell(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#listener.passed(bytes) || this.#isPaused) return;
    this.#isPaused = true;
    this.#controller?.pause();
  }

  #endPassing(): void {
    this.flush();
    const last = this.#intake?.endPassing();
    this.#tell(last?.bytes ?? NOTHING);
    this.#end(last?.isWhole === true, 'the stream ended without [DONE]');
  }

  #end(isWhole: boolean, why: string): void {
    this.#finish();
    this.#listener.ended({ isWhole, hasTold: this.#intake?.hasTold === true, why });
  }

  #head(): AnswerHead {
    return {
      status: this.#status,
      headers: this.#headers,
      isEvents: this.#intake?.isEvents === true,
      isTranslated: this.#order.translated !== null,
    };
  }

  #fail(failure: AttemptFailure): void {
    if (this.#phase === 'over') return;
    this.#finish();
    // Of an answer that has ended nothing is left to abort.
    this.#controller?.abort(new Error(failure.message));
    this.#listener.failed(failure);
  }

  #finish(): void {
    this.#phase = 'over';
    this.#pending = [];
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(overdueOf, ms, this);
  }

  /** For the timer alone. */
  overdue(): void {
    if (this.#isPaused) {
      this.#timer?.refresh();
      return;
    }
    const failure: AttemptFailure = { kind: 'too-slow', message: 'it did not answer in time' };
    if (this.#phase === 'passing') this.#end(false, 'it fell silent');
    else if (this.#phase === 'holding') this.#go(this.#intake?.breakOff(failure));
    else this.#fail(failure);
    this.#controller?.abort(new Error('it fell silent'));
  }
}

function flushOf(attempt: Attempt): void {
  attempt.flush();
}

function overdueOf(attempt: Attempt): void {
  attempt.overdue();
}

function withoutContentType(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]];
    if (name !== 'content-type') kept.push(name, value);
  }
  return kept;
}
