import type { IncomingHttpHeaders } from 'node:http';
import type { DialectRequest, DialectStream } from './dialect.ts';
import { openAiBody } from './errors.ts';
import { countEvents, EventCutter, NOTHING, readFirstEvent } from './events.ts';
import { type AttemptFailure, retryAfterOf, verdictOf } from './failure.ts';
import { readComplaint } from './foreign-error.ts';
import { isJsonObject } from './plain-answer.ts';
import type { Route } from './target.ts';
import { findUsage, findUsageAtEnd, type Usage } from './usage.ts';
import { type StreamEdits, withoutNullNames, withoutUsage } from './vllm-streams.ts';

/** What an answer has shown itself to be so far. */
export type Step =
  | { readonly kind: 'more' }
  | { readonly kind: 'failed'; readonly failure: AttemptFailure }
  /** Whole, and good for the caller. */
  | { readonly kind: 'answered'; readonly status: number; readonly body: Buffer }
  /** Good so far, and not to be held any longer. */
  | { readonly kind: 'begun'; readonly bytes: Buffer };

/** Reads an answer until it is known whether it is one. */
export type Intake = {
  take(chunk: Buffer): Step;
  /** The target has ended its answer. */
  end(): Step;
  /** It broke off, or fell silent. */
  breakOff(failure: AttemptFailure): Step;
  /** Bytes that follow on `begun`, as the caller gets them. */
  pass(bytes: Buffer): Buffer;
  /** What follows when the target has ended, and whether the answer is whole then. */
  endPassing(): { readonly bytes: Buffer; readonly isWhole: boolean };
  readonly isEvents: boolean;
  /** Whether the caller has been told already that the answer broke off. */
  readonly hasTold: boolean;
  readonly usage: Usage | null;
  readonly events: number;
};

export type AnswerInfo = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly route: Route;
  readonly isStream: boolean;
  readonly edits: StreamEdits;
  readonly translated: DialectRequest | null;
};

/** A plain answer is held until it is whole, so that one cut off is tried elsewhere; a longer one passes. */
const HELD_BYTES_MAX = 256 * 1_024;
/** A translated one cannot pass in parts. */
const TRANSLATED_BYTES_MAX = 16 * 1_024 * 1_024;
const ERROR_BYTES_MAX = 64 * 1_024;

export function intakeOf(info: AnswerInfo): Intake {
  if (verdictOf(info.status) !== 'answer') return new ErrorIntake(info);
  const contentType = String(info.headers['content-type'] ?? '');
  return /^text\/event-stream\b/i.test(contentType)
    ? new EventIntake(info)
    : new PlainIntake(info, contentType);
}

const MORE: Step = { kind: 'more' };

function failed(kind: AttemptFailure['kind'], message: string): Step {
  return { kind: 'failed', failure: { kind, message } };
}

class Held {
  readonly #chunks: Buffer[] = [];
  length = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  all(): Buffer {
    return this.#chunks.length === 1 ? (this.#chunks[0] ?? NOTHING) : Buffer.concat(this.#chunks);
  }
}

/** An answer that is no stream. */
class PlainIntake implements Intake {
  readonly isEvents = false;
  readonly hasTold = false;
  readonly events = 0;
  usage: Usage | null = null;
  readonly #info: AnswerInfo;
  readonly #isForeign: boolean;
  readonly #held = new Held();

  constructor(info: AnswerInfo, contentType: string) {
    this.#info = info;
    this.#isForeign = info.translated === null && isForeign(contentType, info.headers);
  }

  take(chunk: Buffer): Step {
    if (this.#isForeign) return { kind: 'begun', bytes: chunk };
    this.#held.add(chunk);
    const { translated } = this.#info;
    if (this.#held.length <= (translated === null ? HELD_BYTES_MAX : TRANSLATED_BYTES_MAX)) return MORE;
    const bytes = this.#held.all();
    if (translated !== null || !/^\s*\{/.test(bytes.toString('latin1', 0, 64))) return NOT_JSON;
    return { kind: 'begun', bytes };
  }

  end(): Step {
    const body = this.#held.all();
    const { status, translated } = this.#info;
    if (this.#isForeign) return { kind: 'answered', status, body };
    if (translated === null) {
      if (!isJsonObject(body)) return NOT_JSON;
      this.usage = findUsageAtEnd(body);
      return { kind: 'answered', status, body };
    }
    const answer = translated.answer(body);
    if (answer === null) return NOT_JSON;
    this.usage = answer.usage;
    return { kind: 'answered', status, body: answer.body };
  }

  breakOff(failure: AttemptFailure): Step {
    return { kind: 'failed', failure };
  }

  pass(bytes: Buffer): Buffer {
    this.usage = findUsage(bytes) ?? this.usage;
    return bytes;
  }

  endPassing() {
    return { bytes: NOTHING, isWhole: true };
  }
}

const NOT_JSON = failed('garbage', 'it answered with what is not JSON');

/** Neither JSON nor text: nothing can be said of its bytes, and it is passed on. */
function isForeign(contentType: string, headers: IncomingHttpHeaders): boolean {
  if (isEncoded(headers)) return true;
  return contentType !== '' && !/^(?:application\/(?:[\w.-]+\+)?json|text\/)/i.test(contentType);
}

function isEncoded(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['content-encoding'];
  return encoding !== undefined && encoding.toLowerCase() !== 'identity';
}

/** Server-sent events, which have begun with the first that says something and is no error. */
class EventIntake implements Intake {
  readonly isEvents = true;
  events = 0;
  readonly #cutter: EventCutter;
  readonly #dialect: DialectStream | null;
  readonly #held = new Held();
  readonly #isEncoded: boolean;
  readonly #edits: StreamEdits;
  #usage: Usage | null = null;
  #taken = 0;

  constructor({ route, translated, isStream, edits, headers }: AnswerInfo) {
    this.#edits = edits;
    this.#cutter = new EventCutter(route);
    this.#dialect = translated !== null && isStream ? translated.stream() : null;
    this.#isEncoded = isEncoded(headers);
  }

  get hasTold(): boolean {
    return this.#dialect?.hasFailed === true;
  }

  get usage(): Usage | null {
    return this.#dialect?.usage ?? this.#usage;
  }

  take(chunk: Buffer): Step {
    // It could not be cut at its events.
    if (this.#isEncoded) return NOT_EVENTS;
    this.#taken += chunk.length;
    const whole = this.#cut(chunk);
    // A page that claims to be a stream has no event in it.
    if (whole.length === 0) return this.#taken > HELD_BYTES_MAX ? NOT_EVENTS : MORE;
    this.#held.add(whole);
    const bytes = this.#held.all();
    const first = readFirstEvent(bytes);
    if (first.kind === 'garbage') return NOT_EVENTS;
    if (first.kind === 'none') return this.#taken > HELD_BYTES_MAX ? NOT_EVENTS : MORE;
    if (first.kind === 'error' && (first.status === null || verdictOf(first.status) !== 'caller')) {
      return failed('server-error', first.message);
    }
    return { kind: 'begun', bytes: this.#note(bytes) };
  }

  end(): Step {
    this.#held.add(this.#endOfStream());
    const bytes = this.#held.all();
    if (!this.#cutter.isDone || readFirstEvent(bytes).kind !== 'answer') {
      return failed('reset', 'the stream ended before its first event');
    }
    return { kind: 'begun', bytes: this.#note(bytes) };
  }

  breakOff(failure: AttemptFailure): Step {
    return { kind: 'failed', failure };
  }

  pass(bytes: Buffer): Buffer {
    return this.#note(this.#cut(bytes));
  }

  endPassing() {
    const bytes = this.#note(this.#endOfStream());
    return { bytes, isWhole: this.#cutter.isDone };
  }

  #cut(chunk: Buffer): Buffer {
    return this.#cutter.cut(this.#dialect === null ? chunk : this.#dialect.push(chunk));
  }

  #endOfStream(): Buffer {
    return this.#dialect === null ? this.#cutter.rest() : NOTHING;
  }

  #note(whole: Buffer): Buffer {
    if (whole.length === 0) return whole;
    const usage = findUsage(whole);
    this.#usage = usage ?? this.#usage;
    this.events += countEvents(whole);
    const { isUsageOurs, hasNullNames } = this.#edits;
    const told = usage !== null && isUsageOurs ? withoutUsage(whole) : whole;
    return hasNullNames ? withoutNullNames(told) : told;
  }
}

const NOT_EVENTS = failed('garbage', 'it answered with what is not a stream of events');

/** An error: the caller's own is passed on whole, any other is a failure with what it said. */
class ErrorIntake implements Intake {
  readonly isEvents = false;
  readonly hasTold = false;
  readonly events = 0;
  readonly usage = null;
  readonly #info: AnswerInfo;
  readonly #verdict: ReturnType<typeof verdictOf>;
  readonly #held = new Held();

  constructor(info: AnswerInfo) {
    this.#info = info;
    this.#verdict = verdictOf(info.status);
  }

  take(chunk: Buffer): Step {
    this.#held.add(chunk);
    if (this.#held.length <= ERROR_BYTES_MAX) return MORE;
    return this.#isCallers() ? { kind: 'begun', bytes: this.#held.all() } : this.end();
  }

  end(): Step {
    const { status, translated } = this.#info;
    const body = this.#held.all();
    if (translated !== null) return this.#translated(body, translated);
    if (this.#verdict === 'caller') return this.#complaint(body);
    return this.#failed({
      message: `it answered ${status}`,
      retryAfterSeconds: retryAfterOf(this.#info.headers['retry-after'], Date.now()),
      ...(isJsonObject(body) && { answer: { status, contentType: this.#contentType(), body } }),
    });
  }

  /** What it said of its own failure may be cut short; what it said to the caller may not. */
  breakOff(failure: AttemptFailure): Step {
    return this.#isCallers() ? { kind: 'failed', failure } : this.end();
  }

  pass(bytes: Buffer): Buffer {
    return bytes;
  }

  endPassing() {
    return { bytes: NOTHING, isWhole: true };
  }

  #complaint(body: Buffer): Step {
    const { status } = this.#info;
    const complaint = readComplaint(status, body);
    switch (complaint.kind) {
      case 'of-request':
        return { kind: 'answered', status, body: complaint.body };
      case 'no-such-route':
        return failed('no-such-route', 'it does not have this call');
      case 'garbage':
        return failed('garbage', `it answered ${status} with what is not JSON`);
    }
  }

  #isCallers(): boolean {
    return this.#verdict === 'caller' && this.#info.translated === null;
  }

  #contentType(): string {
    return String(this.#info.headers['content-type'] ?? 'application/json');
  }

  #translated(body: Buffer, translated: DialectRequest): Step {
    const { status, headers } = this.#info;
    const { error, whose, retryAfterSeconds } = translated.error(status, body.toString('utf8'), headers);
    const told = Buffer.from(JSON.stringify(openAiBody(error)));
    if (whose === 'caller') return { kind: 'answered', status: error.status, body: told };
    return this.#failed({
      message: `it answered ${status}: ${error.message}`,
      retryAfterSeconds,
      answer: { status: error.status, contentType: 'application/json', body: told },
    });
  }

  #failed(failure: Omit<AttemptFailure, 'kind'>): Step {
    const verdict = this.#verdict;
    // A status that would be the caller's, which the target calls its own fault: our account there.
    const kind = verdict === 'answer' || verdict === 'caller' ? 'unauthorized' : verdict;
    return { kind: 'failed', failure: { kind, ...failure } };
  }
}
