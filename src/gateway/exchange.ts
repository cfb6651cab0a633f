import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { type AccountDeps, account, guessUsage, reserve } from './account.ts';
import { type AnswerHead, Attempt, type AttemptListener } from './attempt.ts';
import type { Ticket } from './breaker.ts';
import type { DialectRequest } from './dialect.ts';
import { type OpenAiError, openAiBody, openAiHeaders, Refusal, serverError } from './errors.ts';
import { cutOffEvent } from './events.ts';
import type { AttemptFailure } from './failure.ts';
import { headersBack, headersFor, headersOfWay, requestIdOf, withoutLength } from './headers.ts';
import { errorOf } from './outcome.ts';
import type { Provider } from './providers/provider.ts';
import { bytesFor, type InferenceBody, parseInferenceBody } from './request-body.ts';
import type { AttemptEnd, AttemptTrace, KeyHolder, Lease, RequestTrace, RequestTracer } from './seams.ts';
import type { Candidate, Route, Target } from './target.ts';
import type { Usage } from './usage.ts';
import { editsOf, NO_EDITS, withUsageAsked } from './vllm-streams.ts';
import type { WaitingRoom } from './waiting-room.ts';

export type ExchangeDeps = AccountDeps & {
  readonly waitingRoom: WaitingRoom;
  readonly attemptsMax: number;
  readonly tracer: RequestTracer | null;
  readonly logger: Logger;
};

/** A request as it came, admitted and whole. */
export type Call = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  /** With its question mark, or empty. */
  readonly search: string;
  readonly bytes: Buffer;
  readonly key: KeyHolder | null;
  /** Called once, when the answer has ended in whatever way. */
  readonly onEnd: () => void;
};

/**
 * Answers one request: sends it to a target that serves its model, and the answer back as it comes.
 *
 * 1. Until the first byte has gone to the caller another target may be tried; after it, none.
 * 2. A request that is the caller's own fault is answered, and not tried elsewhere.
 * 3. A target whose connection broke is asked once more itself: a kept-alive one may close as it is used.
 * 4. When the caller goes away, the target is told by the closed connection.
 */
export function exchange(deps: ExchangeDeps, call: Call): void {
  new Exchange(deps, call).start();
}

class Exchange implements AttemptListener {
  readonly #deps: ExchangeDeps;
  readonly #call: Call;
  readonly #startedMs = performance.now();
  #body: InferenceBody | null = null;
  #lease: Lease | null = null;
  readonly #tried: Target[] = [];
  #attempts = 0;
  #isSecondTry = false;
  #candidate: Candidate | null = null;
  #provider: Provider | null = null;
  #ticket: Ticket | null = null;
  #attempt: Attempt | null = null;
  #attemptStartedMs = 0;
  #firstByteMs: number | null = null;
  #lastFailure: { target: Target; failure: AttemptFailure } | null = null;
  /** Why a target could not be asked at all. */
  #refusal: OpenAiError | null = null;
  #used: Usage | null = null;
  #events = 0;
  #isWhole = false;
  #leaveWaitingRoom: (() => void) | null = null;
  #isOver = false;
  #isEvents = false;
  readonly #trace: RequestTrace | null;
  #attemptTrace: AttemptTrace | null = null;

  constructor(deps: ExchangeDeps, call: Call) {
    this.#deps = deps;
    this.#call = call;
    this.#trace = deps.tracer?.begin(call.request, call.route) ?? null;
  }

  start(): void {
    const { response, bytes, key } = this.#call;
    response.on('close', () => this.#closed());
    this.#guarded(() => {
      const body = parseInferenceBody(bytes);
      this.#body = body;
      const lease = key === null ? null : reserve(this.#deps, { key, body, route: this.#call.route });
      if (lease instanceof Promise) this.#awaitLease(lease);
      else this.#begin(lease);
    });
  }

  failed(failure: AttemptFailure): void {
    const target = this.#leaveTarget(failure.kind);
    if (target === null) return;
    if (failure.kind === 'reset' && !this.#isSecondTry && this.#ticket !== null) {
      target.breaker.release(this.#ticket);
      this.#isSecondTry = true;
      this.#guarded(() => this.#send());
      return;
    }
    this.#noteFailure(target, failure);
    // What a target has failed at says more than what another does not have.
    if (failure.kind !== 'no-such-route' || this.#lastFailure === null) {
      this.#lastFailure = { target, failure };
    }
    this.#guarded(() => this.#next());
  }

  answered(head: AnswerHead, body: Buffer): void {
    const target = this.#leaveTarget('answered');
    if (target === null) return;
    this.#isWhole = true;
    this.#succeed(target);
    this.#noteFirstByte(target);
    const { response } = this.#call;
    const headers = withoutLength(headersBack(head));
    headers.push('content-length', String(body.length));
    this.#writeHead(head.status, headers);
    response.end(body);
    this.#finish();
  }

  begun(head: AnswerHead): void {
    const target = this.#candidate?.target;
    if (target === undefined) return;
    // A probe has told what it was for: a stream may take minutes more.
    if (this.#ticket?.isProbe === true) this.#succeed(target);
    this.#noteFirstByte(target);
    this.#isEvents = head.isEvents;
    this.#writeHead(head.status, headersBack(head));
    this.#call.response.on('drain', () => this.#attempt?.resume());
  }

  passed(bytes: Buffer): boolean {
    return this.#call.response.write(bytes);
  }

  ended({ isWhole, hasTold, why }: Parameters<AttemptListener['ended']>[0]): void {
    const target = this.#leaveTarget(isWhole ? 'answered' : 'cut-off');
    if (target === null) return;
    const { response } = this.#call;
    this.#isWhole = isWhole;
    if (isWhole) {
      this.#succeed(target);
      response.end();
    } else {
      this.#noteFailure(target, { kind: 'reset', message: why });
      this.#deps.logger.warn(
        { provider: target.provider, session: target.session, why },
        'instance broke off in the middle of an answer',
      );
      if (this.#isEvents) response.end(hasTold ? undefined : cutOffEvent());
      else response.destroy(); // So that no client takes it for complete.
    }
    this.#finish();
  }

  #begin(lease: Lease | null): void {
    this.#lease = lease;
    this.#next();
  }

  #awaitLease(promise: Promise<Lease>): void {
    promise.then(
      (lease) => {
        // Who left meanwhile has used nothing.
        if (this.#isOver) lease.settle({ promptTokens: 0, completionTokens: 0, usd: 0 });
        else this.#guarded(() => this.#begin(lease));
      },
      (error: unknown) =>
        this.#guarded(() => {
          throw error;
        }),
    );
  }

  /** Sends the request to the next target, or says that there is none. */
  #next(): void {
    const { router, waitingRoom, attemptsMax } = this.#deps;
    const body = this.#body;
    if (body === null || this.#isOver) return;
    const wanted = { model: body.model, route: this.#call.route };
    const nowMs = Date.now();
    if (this.#tried.length >= attemptsMax) {
      this.#giveUp(null);
      return;
    }
    const choice = router.choose(wanted, this.#tried, nowMs);
    if (choice.kind === 'candidate') {
      waitingRoom.notePassedOver(wanted, choice.provider);
      this.#candidate = choice.candidate;
      this.#provider = choice.provider;
      this.#tried.push(choice.candidate.target);
      this.#isSecondTry = false;
      this.#send();
      return;
    }
    this.#wait(wanted, choice.kind === 'none' ? choice.readyAtMs : null);
  }

  #wait(wanted: { model: string | null; route: Route }, readyAtMs: number | null): void {
    this.#leaveWaitingRoom = this.#deps.waitingRoom.enter(wanted, {
      tried: this.#tried,
      mayWait: this.#lastFailure === null || this.#lastFailure.failure.kind === 'unreachable',
      readyAtMs,
      onReady: () => this.#guarded(() => this.#next()),
      onRefused: (error) => this.#giveUp(error),
    });
  }

  #send(): void {
    const { candidate, body } = { candidate: this.#candidate, body: this.#body };
    if (candidate === null || body === null || this.#isOver) return;
    const { target, model } = candidate;
    const { route, search, request } = this.#call;
    let translated: DialectRequest | null = null;
    try {
      translated = target.dialect?.request({ route, body: body.fields, model }) ?? null;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // What one API cannot express another may.
      this.#refusal = error.error;
      this.#next();
      return;
    }
    const edits = target.isVllm ? editsOf(body, route) : NO_EDITS;
    const bytes = translated?.bytes ?? bytesFor(body, model);
    this.#attempts += 1;
    this.#ticket = target.begin();
    this.#attemptStartedMs = performance.now();
    const { provider, session } = target;
    this.#attemptTrace = this.#trace?.attempt({ provider, session, model }) ?? null;
    this.#attempt = new Attempt(
      {
        target,
        route,
        path: pathOf(target, translated, { route, search }),
        headers: headersFor(request, target),
        bytes: edits.isUsageOurs ? withUsageAsked(bytes) : bytes,
        isStream: body.isStream,
        edits,
        translated,
      },
      this,
    );
    this.#attempt.send();
  }

  #giveUp(error: OpenAiError | null): void {
    const last = this.#lastFailure;
    if (last?.failure.answer !== undefined && last.failure.kind !== 'unauthorized') {
      const { status, contentType, body } = last.failure.answer;
      const { retryAfterSeconds } = last.failure;
      const headers = [
        'content-type',
        contentType || 'application/json',
        'content-length',
        String(body.length),
      ];
      if (retryAfterSeconds !== undefined) headers.push('retry-after', String(Math.ceil(retryAfterSeconds)));
      this.#writeHead(status, headers);
      this.#call.response.end(body);
      this.#finish();
      return;
    }
    if (last === null) {
      const noAnswer = serverError(502, 'upstream_error', 'No provider answered.');
      this.#refuse(this.#refusal ?? error ?? noAnswer);
      return;
    }
    this.#refuse(errorOf(last, this.#deps.waitingRoom.outlook()));
  }

  #refuse(error: OpenAiError): void {
    const body = Buffer.from(JSON.stringify(openAiBody(error)));
    const headers = openAiHeaders(error);
    headers.push('content-length', String(body.length));
    this.#writeHead(error.status, headers);
    this.#call.response.end(body);
    this.#finish();
  }

  #writeHead(status: number, headers: string[]): void {
    headers.push('x-content-type-options', 'nosniff');
    if (!headers.includes('x-request-id')) headers.push('x-request-id', requestIdOf(this.#call.request));
    if (this.#lease !== null) headers.push(...Object.entries(this.#lease.rateHeaders()).flat());
    if (this.#attempts > 0) {
      const answerer = this.#hasGivenUp() ? null : (this.#candidate?.target ?? null);
      headers.push(...headersOfWay({ answerer, attempts: this.#attempts, tried: this.#tried }));
    }
    this.#call.response.writeHead(status, headers);
  }

  /** Whether what is said now is ours, and not a target's. */
  #hasGivenUp(): boolean {
    const last = this.#lastFailure;
    return last !== null && last.target === this.#candidate?.target && last.failure.answer === undefined;
  }

  #leaveTarget(came: AttemptEnd): Target | null {
    const target = this.#candidate?.target ?? null;
    if (this.#attempt === null || target === null) return null;
    this.#used = this.#attempt.usage;
    this.#events = this.#attempt.events;
    this.#attempt = null;
    this.#attemptTrace?.end(came);
    target.end();
    return target;
  }

  #succeed(target: Target): void {
    if (this.#ticket !== null) target.breaker.succeed(this.#ticket);
    this.#ticket = null;
  }

  #noteFirstByte(target: Target): void {
    const nowMs = performance.now();
    this.#firstByteMs ??= nowMs - this.#startedMs;
    target.noteFirstByte(nowMs - this.#attemptStartedMs);
  }

  #noteFailure(target: Target, failure: AttemptFailure): void {
    if (failure.kind === 'no-such-route') {
      if (this.#ticket !== null) target.breaker.release(this.#ticket);
      this.#ticket = null;
      return;
    }
    const nowMs = Date.now();
    target.noteError(failure.kind, failure.message, nowMs);
    const { provider, session } = target;
    if (failure.kind === 'unreachable') {
      this.#deps.logger.warn({ provider, session, why: failure.message }, 'instance refused the connection');
      this.#provider?.noteUnreachable(target);
    } else {
      this.#deps.logger.warn(
        { provider, session, kind: failure.kind, why: failure.message },
        'provider failed',
      );
    }
    if (failure.kind === 'too-many' && failure.retryAfterSeconds !== undefined) {
      target.breaker.restFor(failure.retryAfterSeconds * 1_000, nowMs);
    } else if (this.#ticket !== null) target.breaker.fail(this.#ticket, nowMs);
    this.#ticket = null;
  }

  /** The connection to the caller has closed; after a whole answer that changes nothing. */
  #closed(): void {
    if (this.#isOver) return;
    this.#leaveWaitingRoom?.();
    const attempt = this.#attempt;
    const target = this.#leaveTarget('caller-left');
    if (target !== null && this.#ticket !== null) target.breaker.release(this.#ticket);
    attempt?.stop();
    this.#finish(499);
  }

  /** Runs a step; a refusal is answered as it is, any other error is a bug and a 500. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof Refusal) {
        this.#refuse(error.error);
        return;
      }
      this.#deps.logger.error({ err: error, route: this.#call.route }, 'gateway failed');
      if (this.#call.response.headersSent) this.#call.response.destroy();
      else {
        this.#refuse(
          serverError(500, 'internal_error', 'Something went wrong inside Leash. Its log says what.'),
        );
      }
    }
  }

  #finish(status = this.#call.response.statusCode): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#account(status);
    this.#trace?.end(status, this.#attempts);
    this.#call.onEnd();
  }

  #account(status: number): void {
    const nowMs = performance.now();
    account(this.#deps, this.#lease, {
      candidate: this.#candidate,
      model: this.#body?.model ?? null,
      key: this.#call.key,
      status,
      seconds: (nowMs - this.#startedMs) / 1_000,
      firstByteSeconds: this.#firstByteMs === null ? null : this.#firstByteMs / 1_000,
      attempts: this.#attempts,
      told: this.#used,
      guessed: guessUsage(this.#body, this.#events),
      isWhole: this.#isWhole,
    });
  }
}

function pathOf(
  target: Target,
  translated: DialectRequest | null,
  { route, search }: { route: Route; search: string },
): string {
  return translated === null ? `${target.basePath}/${route}${search}` : translated.path;
}
