import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { DialectRequest, DialectStream } from './dialect.ts';
import { countEvents, EventCutter, NOTHING, readFirstEvent } from './events.ts';
import { type AttemptFailure, failureOf, retryAfterOf, verdictOf } from './failure.ts';
import { isJsonObject } from './plain-answer.ts';
import { redirectFrom } from './redirect.ts';
import type { Route, Target } from './target.ts';
import { findUsage, findUsageAtEnd, type Usage } from './usage.ts';

/** Who sent a request and is told what comes of it: `failed`, or `answered`, or `begun` and then `ended`. */
export type AttemptListener = {
  /** Nothing has reached the caller: another target may be tried. */
  failed(failure: AttemptFailure): void;
  /** A whole answer. */
  answered(head: AnswerHead, body: Buffer): void;
  begun(head: AnswerHead): void;
  /** False when the caller reads too slowly: the attempt is paused then. */
  passed(bytes: Buffer): boolean;
  /** `whole`: false for an answer that was cut off. */
  ended(whole: boolean, why: string): void;
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
  readonly translated: DialectRequest | null;
};

/** A plain answer is held until it is whole, so that one cut off is tried elsewhere; a longer one passes. */
const HELD_BYTES_MAX = 256 * 1_024;
/** A translated one cannot pass in parts. */
const TRANSLATED_BYTES_MAX = 16 * 1_024 * 1_024;
const ERROR_BYTES_MAX = 64 * 1_024;
const ERROR_BODY_MS = 2_000;

/**
 * One request at one target, from the first byte sent to the last received.
 *
 * 1. Nothing is told to the listener after `stop`, nor after `failed`, `answered` or `ended`.
 * 2. A stream has begun with its first event that says something and is no error; until then it may fail.
 * 3. While the caller holds the target back, no deadline of the target's runs.
 */
export class Attempt implements Dispatcher.DispatchHandler {
  usage: Usage | null = null;
  events = 0;
  readonly #order: AttemptOrder;
  readonly #listener: AttemptListener;
  #controller: Dispatcher.DispatchController | null = null;
  #phase: 'waiting' | 'holding' | 'error' | 'passing' | 'over' = 'waiting';
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #isEvents = false;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #cutter: EventCutter | null = null;
  #dialectStream: DialectStream | null = null;
  #pending: Buffer[] = [];
  #isFlushDue = false;
  #isPaused = false;
  #redirects = 0;
  /** Of answers that only sent on: what else comes of them is of no interest. */
  readonly #left = new Set<Dispatcher.DispatchController>();
  #timer: NodeJS.Timeout | null = null;

  constructor(order: AttemptOrder, listener: AttemptListener) {
    this.#order = order;
    this.#listener = listener;
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

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#timer?.refresh();
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#phase === 'over') controller.abort(new Error('the caller went away'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200 || this.#phase === 'over') return;
    this.#status = status;
    this.#headers = headers;
    if (this.#follow(controller)) return;
    const verdict = verdictOf(status);
    if (verdict === 'garbage') {
      this.#fail({ kind: 'garbage', message: `it answered ${status}` }, controller);
    } else if (verdict !== 'answer') {
      this.#phase = 'error';
      if (verdict !== 'caller') this.#wait(ERROR_BODY_MS);
    } else this.#beginHolding(controller);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#left.size > 0 && this.#left.has(controller)) return;
    switch (this.#phase) {
      case 'passing':
        this.#pass(chunk);
        break;
      case 'holding':
        this.#hold(chunk, controller);
        break;
      case 'error':
        this.#collectError(chunk, controller);
        break;
      default:
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#left.size > 0 && this.#left.has(controller)) return;
    switch (this.#phase) {
      case 'passing':
        this.#flush();
        this.#endPassing();
        break;
      case 'holding':
        this.#endHolding();
        break;
      case 'error':
        this.#endError();
        break;
      case 'waiting':
        this.#fail({ kind: 'reset', message: 'it ended before it answered' });
        break;
      case 'over':
    }
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#left.size > 0 && this.#left.has(controller)) return;
    switch (this.#phase) {
      case 'passing':
        this.#flush();
        this.#cutOff(error.message);
        break;
      case 'error':
        this.#endErrorEarly({ kind: 'reset', message: error.message });
        break;
      case 'holding':
        this.#fail({ kind: 'reset', message: error.message });
        break;
      case 'waiting':
        this.#fail(failureOf(error));
        break;
      case 'over':
    }
  }

  #dispatch(options: Dispatcher.DispatchOptions): void {
    try {
      this.#order.target.dispatcher.dispatch(options, this);
    } catch (error) {
      // Closed in this very moment: its session has just left.
      const failure = error instanceof Error ? error : new Error(String(error));
      queueMicrotask(() => this.#fail({ kind: 'unreachable', message: failure.message }));
    }
  }

  /** A target that is starting sends on to where its answer will be, which is asked for by GET. */
  #follow(controller: Dispatcher.DispatchController): boolean {
    const { target } = this.#order;
    const status = this.#status;
    if (status < 300 || status > 399 || this.#redirects >= target.redirectsMax) return false;
    const path = redirectFrom(this.#headers.location, { origin: target.origin, path: this.#order.path });
    if (path === null) return false;
    this.#redirects += 1;
    this.#left.add(controller);
    this.#controller = null;
    const isSame = status === 307 || status === 308;
    const { origin } = target;
    const { bytes, headers: sent } = this.#order;
    if (isSame) this.#dispatch({ origin, path, method: 'POST', headers: sent, body: bytes });
    else this.#dispatch({ origin, path, method: 'GET', headers: withoutBody(sent) });
    return true;
  }

  #beginHolding(controller: Dispatcher.DispatchController): void {
    const contentType = String(this.#headers['content-type'] ?? '');
    const { translated, isStream, route } = this.#order;
    this.#isEvents = /^text\/event-stream\b/i.test(contentType);
    this.#phase = 'holding';
    if (this.#isEvents && isEncoded(this.#headers)) {
      this.#fail({ kind: 'garbage', message: 'it answered with an encoded stream' }, controller);
    } else if (this.#isEvents) {
      this.#cutter = new EventCutter(route);
      this.#dialectStream = translated !== null && isStream ? translated.stream() : null;
    } else if (translated === null && isForeign(contentType, this.#headers)) this.#startPassing();
  }

  #hold(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    if (this.#isEvents) {
      this.#holdEvents(chunk, controller);
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    const isTranslated = this.#order.translated !== null;
    if (this.#heldBytes <= (isTranslated ? TRANSLATED_BYTES_MAX : HELD_BYTES_MAX)) return;
    const bytes = Buffer.concat(this.#held);
    if (isTranslated || !/^\s*[{[]/.test(bytes.toString('latin1', 0, 64))) {
      this.#fail({ kind: 'garbage', message: 'it answered with what is not JSON' }, controller);
      return;
    }
    this.#startPassing();
    this.#pass(bytes);
  }

  #holdEvents(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    const whole = this.#cutEvents(chunk);
    if (whole.length === 0) {
      // A page that claims to be a stream has no event in it.
      this.#heldBytes += chunk.length;
      if (this.#heldBytes > HELD_BYTES_MAX) {
        this.#fail(
          { kind: 'garbage', message: 'it answered with what is not a stream of events' },
          controller,
        );
      }
      return;
    }
    this.#held.push(whole);
    const bytes = this.#held.length === 1 ? whole : Buffer.concat(this.#held);
    const first = readFirstEvent(bytes);
    if (first.kind === 'garbage') {
      this.#fail({ kind: 'garbage', message: 'it answered with what is not a stream of events' }, controller);
    } else if (first.kind === 'answer') this.#startStream(bytes);
    else if (first.kind === 'error') {
      if (first.status !== null && verdictOf(first.status) === 'caller') this.#startStream(bytes);
      else this.#fail({ kind: 'server-error', message: first.message }, controller);
    }
  }

  #cutEvents(chunk: Buffer): Buffer {
    if (this.#cutter === null) return chunk;
    return this.#cutter.cut(this.#dialectStream === null ? chunk : this.#dialectStream.push(chunk));
  }

  #startStream(bytes: Buffer): void {
    this.#startPassing();
    this.#tell(bytes);
  }

  #startPassing(): void {
    this.#phase = 'passing';
    this.#held = [];
    this.#wait(this.#order.target.deadlines.betweenChunksMs);
    this.#listener.begun(this.#head());
  }

  /** What arrives in one go is sent on in one: an event each would cost a write each. */
  #pass(chunk: Buffer): void {
    this.#pending.push(chunk);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    process.nextTick(flushOf, this);
  }

  /** For `flushOf` alone. */
  flush(): void {
    this.#flush();
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (this.#phase !== 'passing' || this.#pending.length === 0) return;
    const [first = NOTHING] = this.#pending;
    const bytes = this.#pending.length === 1 ? first : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#timer?.refresh();
    this.#tell(this.#isEvents ? this.#cutEvents(bytes) : bytes);
  }

  #tell(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.usage = findUsage(bytes) ?? this.usage;
    if (this.#isEvents) this.events += countEvents(bytes);
    if (this.#listener.passed(bytes) || this.#isPaused) return;
    this.#isPaused = true;
    this.#controller?.pause();
  }

  #endPassing(): void {
    if (!this.#isEvents) {
      this.#end(true, '');
      return;
    }
    const cutter = this.#cutter;
    const stream = this.#dialectStream;
    const rest = stream === null ? cutter?.rest() : cutter?.cut(stream.end());
    if (rest !== undefined && rest.length > 0) this.#tell(rest);
    if (stream?.usage) this.usage = stream.usage;
    this.#end(cutter?.isDone === true, 'the stream ended without [DONE]');
  }

  #cutOff(why: string): void {
    if (this.#dialectStream?.usage) this.usage = this.#dialectStream.usage;
    this.#end(false, why);
  }

  #end(whole: boolean, why: string): void {
    this.#finish();
    this.#listener.ended(whole, why);
  }

  #endHolding(): void {
    if (this.#isEvents) {
      this.#endHeldEvents();
      return;
    }
    const body = this.#held.length === 1 ? (this.#held[0] ?? NOTHING) : Buffer.concat(this.#held);
    const { translated } = this.#order;
    const answer = translated === null ? plainAnswer(body) : translated.answer(body);
    if (answer === null) {
      this.#fail({ kind: 'garbage', message: 'it answered with what is not JSON' });
      return;
    }
    this.usage = answer.usage;
    this.#finish();
    this.#listener.answered(this.#head(), answer.body);
  }

  /** A stream that ended before its first event, or with that alone. */
  #endHeldEvents(): void {
    const stream = this.#dialectStream;
    const cutter = this.#cutter;
    const rest = (stream === null ? cutter?.rest() : cutter?.cut(stream.end())) ?? NOTHING;
    const bytes = Buffer.concat([...this.#held, rest]);
    if (cutter?.isDone !== true || readFirstEvent(bytes).kind !== 'answer') {
      this.#fail({ kind: 'reset', message: 'the stream ended before its first event' });
      return;
    }
    this.#startStream(bytes);
    this.#end(true, '');
  }

  #collectError(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= ERROR_BYTES_MAX) return;
    if (verdictOf(this.#status) === 'caller') {
      const bytes = Buffer.concat(this.#held);
      this.#startPassing();
      this.#pass(bytes);
      return;
    }
    this.#endError();
    controller.abort(new Error('its error is too long'));
  }

  /** What it said of its own failure may be cut short; what it said to the caller may not. */
  #endErrorEarly(failure: AttemptFailure): void {
    if (verdictOf(this.#status) === 'caller') this.#fail(failure);
    else this.#endError();
  }

  #endError(): void {
    const body = Buffer.concat(this.#held);
    const verdict = verdictOf(this.#status);
    const { translated } = this.#order;
    const nowMs = Date.now();
    const retryAfterSeconds = retryAfterOf(this.#headers['retry-after'], nowMs);
    if (translated !== null) {
      this.#endTranslatedError(body, translated);
      return;
    }
    if (verdict === 'caller') {
      this.#finish();
      this.#listener.answered(this.#head(), body);
      return;
    }
    const answer = isJsonObject(body) ? { answer: this.#failedAnswer(body) } : {};
    this.#fail({
      kind: verdict === 'answer' ? 'garbage' : verdict,
      message: `it answered ${this.#status}`,
      retryAfterSeconds,
      ...answer,
    });
  }

  #endTranslatedError(body: Buffer, translated: DialectRequest): void {
    const said = translated.error(this.#status, body.toString('utf8'), this.#headers);
    const { error, whose } = said;
    const told = Buffer.from(
      JSON.stringify({
        error: {
          message: error.message,
          type: error.type,
          param: error.param ?? null,
          code: error.code,
        },
      }),
    );
    if (whose === 'caller') {
      this.#status = error.status;
      this.#finish();
      this.#listener.answered(this.#head(), told);
      return;
    }
    const verdict = verdictOf(this.#status);
    this.#fail({
      kind: verdict === 'answer' || verdict === 'caller' ? 'unauthorized' : verdict,
      message: `it answered ${this.#status}: ${error.message}`,
      retryAfterSeconds: said.retryAfterSeconds,
      answer: { status: error.status, contentType: 'application/json', body: told },
    });
  }

  #failedAnswer(body: Buffer) {
    return { status: this.#status, contentType: String(this.#headers['content-type'] ?? ''), body };
  }

  #head(): AnswerHead {
    return {
      status: this.#status,
      headers: this.#headers,
      isEvents: this.#isEvents,
      isTranslated: this.#order.translated !== null,
    };
  }

  #fail(failure: AttemptFailure, controller?: Dispatcher.DispatchController): void {
    if (this.#phase === 'over') return;
    this.#finish();
    controller?.abort(new Error(failure.message));
    this.#listener.failed(failure);
  }

  #finish(): void {
    this.#phase = 'over';
    this.#held = [];
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
    const controller = this.#controller;
    switch (this.#phase) {
      case 'over':
        return;
      case 'passing':
        this.#cutOff('it fell silent');
        break;
      case 'error':
        this.#endErrorEarly({ kind: 'too-slow', message: 'it did not answer in time' });
        break;
      default:
        this.#fail({ kind: 'too-slow', message: 'it did not answer in time' });
    }
    controller?.abort(new Error('it fell silent'));
  }
}

function flushOf(attempt: Attempt): void {
  attempt.flush();
}

function overdueOf(attempt: Attempt): void {
  attempt.overdue();
}

function isEncoded(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['content-encoding'];
  return encoding !== undefined && encoding.toLowerCase() !== 'identity';
}

/** Neither JSON nor text: nothing can be said of its bytes, and it is passed on. */
function isForeign(contentType: string, headers: IncomingHttpHeaders): boolean {
  if (isEncoded(headers)) return true;
  return contentType !== '' && !/^(?:application\/(?:[\w.-]+\+)?json|text\/)/i.test(contentType);
}

function plainAnswer(body: Buffer): { body: Buffer; usage: Usage | null } | null {
  return isJsonObject(body) ? { body, usage: findUsageAtEnd(body) } : null;
}

function withoutBody(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]];
    if (name !== 'content-type') kept.push(name, value);
  }
  return kept;
}
