import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { answerBytes, answerEmpty, answerJson } from './answers.ts';
import { BodyTooLong, BodyUnreadable, readBody } from './body.ts';
import type { ResolvedConfig } from './config.ts';
import { Forwarding } from './forwarding.ts';
import type { Load } from './load.ts';
import { jsonBody, type Model, type ModelBody, modelBody } from './model.ts';
import { expectedWaitSeconds, SerialQueue, type Turn } from './queue.ts';
import type { Handler } from './schema.ts';
import { indexOf, type Session, type Sessions } from './sessions.ts';
import type { SignatureCheck } from './signature.ts';
import { type Payload, PayloadError } from './types.ts';
import { workloadOf } from './workloads.ts';
import { isRecord, unwrap, type Wrapped } from './wrapper.ts';

export type ReceptionDeps = {
  readonly config: Pick<ResolvedConfig, 'maxBodyBytes' | 'maxRequests' | 'isUnsecured'>;
  readonly load: Load;
  readonly model: Model;
  readonly sessions: Sessions;
  readonly signatures: SignatureCheck;
  readonly maxPerf: () => number;
  readonly logger: Logger;
};

/** As aiohttp says it, which the official worker leaves to it. */
const OWN_FAULT = '500 Internal Server Error\n\nServer got itself in trouble';

/**
 * Requests for the model, one at a time from its first byte to its place in line.
 *
 * Checked in this order: JSON, fields, session, signature, the handler's own parser, limits. Nobody's code but ours
 * sees what the engine has not signed.
 */
export class Reception {
  readonly queue = new SerialQueue();
  readonly #deps: ReceptionDeps;

  constructor(deps: ReceptionDeps) {
    this.#deps = deps;
  }

  async take(handler: Handler, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await this.body(request, response);
    if (bytes === null) return;
    const read = unwrap(bytes, request.headers['content-type']);
    if ('problem' in read) {
      answerJson(response, 422, read.problem);
      return;
    }
    const { wrapped } = read;
    const session = wrapped.sessionId === null ? null : this.#deps.sessions.find(wrapped.sessionId);
    if (wrapped.sessionId !== null && session === null) {
      answerJson(response, 410, { error: 'invalid session' });
      return;
    }
    if (!this.isSigned(wrapped)) {
      answerEmpty(response, 401);
      return;
    }
    if (session !== null) session.expiresAtSec += session.lifetime;
    const payload = this.#parse(handler, wrapped.payload, response);
    if (payload === null) return;
    // A parser may have changed it in place.
    const bytesOfPayload = handler.requestParser === undefined ? wrapped.payloadBytes : null;
    this.#admit(handler, { request, response, wrapped, session, payload, bytesOfPayload });
  }

  isSigned({ authData }: Pick<Wrapped, 'authData'>): boolean {
    return this.#deps.config.isUnsecured || this.#deps.signatures.isRight(authData.url, authData.signature);
  }

  /** Null when there is nothing more to do: it was answered, or its caller left. */
  async body(request: IncomingMessage, response: ServerResponse): Promise<Buffer | null> {
    try {
      return await readBody(request, this.#deps.config.maxBodyBytes);
    } catch (error) {
      if (error instanceof BodyUnreadable) answerJson(response, 422, { error: 'invalid JSON' });
      else if (error instanceof BodyTooLong) {
        response.shouldKeepAlive = false;
        answerJson(response, 413, { error: `longer than ${this.#deps.config.maxBodyBytes} bytes` });
        request.resume();
      } else response.destroy();
      return null;
    }
  }

  #parse({ requestParser, route }: Handler, payload: Payload, response: ServerResponse): Payload | null {
    if (requestParser === undefined) return payload;
    try {
      const parsed: unknown = requestParser(payload);
      if (!isRecord(parsed) || parsed instanceof Promise) throw new TypeError('it gave no payload');
      return parsed;
    } catch (error) {
      if (error instanceof PayloadError) answerJson(response, 422, { payload: error.problem });
      else {
        this.#deps.logger.error({ route, err: error }, 'the request parser failed');
        answerBytes(response, 500, 'text/plain; charset=utf-8', OWN_FAULT);
      }
      return null;
    }
  }

  #admit(handler: Handler, of: Admitted): void {
    const { load, maxPerf, config } = this.#deps;
    const requestIdx = indexOf(of.wrapped.authData);
    const workload = workloadOf(handler.workloadCalculator, of.payload);
    const isTooLong =
      handler.maxQueueTime !== null && expectedWaitSeconds(load.inHand, maxPerf()) > handler.maxQueueTime;
    if (isTooLong || load.requests >= config.maxRequests) {
      load.reject({ requestIdx, workload });
      answerEmpty(of.response, 429);
      return;
    }
    const work = load.accept({ requestIdx, workload, isInSession: of.session !== null });
    hold(of);
    const forward = (turn: Turn | null) => void this.#forward(handler, of, { work, turn });
    if (handler.allowParallelRequests) {
      forward(null);
      return;
    }
    const leave = this.queue.enter({
      begin: forward,
      overdue: () => {
        work.end('Rejected');
        answerEmpty(of.response, 429);
      },
      maxWaitMs: handler.maxQueueTime === null ? null : handler.maxQueueTime * 1_000,
    });
    // Of what has begun the forwarding takes care: then neither does anything.
    of.response.on('close', () => {
      leave();
      work.end('Cancelled');
    });
  }

  async #forward(
    handler: Handler,
    { request, response, payload, bytesOfPayload }: Admitted,
    { work, turn }: { work: ReturnType<Load['accept']>; turn: Turn | null },
  ): Promise<void> {
    let body: ModelBody;
    try {
      body =
        handler.multipart === undefined
          ? jsonBody(payload, bytesOfPayload)
          : await modelBody(payload, { bytes: bytesOfPayload, form: handler.multipart });
    } catch (error) {
      this.#deps.logger.error({ route: handler.route, err: error }, 'the form could not be made');
      answerEmpty(response, 500);
      work.end('Error');
      turn?.end();
      return;
    }
    const order = { handler, request, response, payload, body, work, turn };
    new Forwarding(order, this.#deps.logger).begin(this.#deps.model);
  }
}

type Admitted = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly wrapped: Wrapped;
  readonly session: Session | null;
  readonly payload: Payload;
  readonly bytesOfPayload: Buffer | null;
};

/** When its session ends, so does what it waits for. */
function hold({ session, response }: Admitted): void {
  if (session === null) return;
  const running = { stop: () => void response.destroy() };
  session.running.add(running);
  response.on('close', () => session.running.delete(running));
}
