import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { answerBytes, answerEmpty, pythonJson } from './answers.ts';
import { headersBack } from './headers.ts';
import type { Work } from './load.ts';
import type { Model, ModelBody, ModelCall, ModelListener } from './model.ts';
import type { Turn } from './queue.ts';
import type { Handler } from './schema.ts';
import type { GeneratedAnswer, Payload } from './types.ts';

export type ForwardOrder = {
  readonly handler: Handler;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly payload: Payload;
  readonly body: ModelBody;
  readonly work: Work;
  readonly turn: Turn | null;
};

/** Of an answer that a response generator gets whole. */
const HELD_BYTES_MAX = 256 * 1_024 * 1_024;
/** A generator that hangs would keep everybody behind it waiting. */
const GENERATING_MS = 60_000;

type Held = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly chunks: Buffer[] };

/**
 * One request at the model, and its answer back as it comes.
 *
 * 1. A caller who reads slowly holds the model back; one who leaves ends the model's work.
 * 2. An answer that breaks off breaks off for the caller too, so that no client takes it for whole.
 * 3. Work and turn are over with it, whatever happens.
 */
export class Forwarding implements ModelListener {
  readonly #order: ForwardOrder;
  readonly #logger: Logger;
  #call: ModelCall | null = null;
  #isOver = false;
  /** Of an answer that a hook is to make something of. */
  #held: Held | null = null;
  #heldBytes = 0;

  constructor(order: ForwardOrder, logger: Logger) {
    this.#order = order;
    this.#logger = logger;
  }

  begin(model: Model): void {
    const { response, handler, body, work } = this.#order;
    if (response.destroyed) {
      this.#finish('Cancelled');
      return;
    }
    work.start();
    response.on('close', () => this.stop());
    this.#call = model.call(handler.route, body, this);
  }

  /** The caller left, or its session ended. */
  stop(): void {
    if (this.#isOver) return;
    this.#call?.stop();
    this.#order.response.destroy();
    this.#finish('Cancelled');
  }

  begun(status: number, headers: IncomingHttpHeaders): void {
    const { response, handler } = this.#order;
    if (handler.responseGenerator !== undefined) {
      this.#held = { status, headers, chunks: [] };
      return;
    }
    response.writeHead(status, headersBack(status, headers));
    // Of a stream the caller hears at once; of a whole answer head and body are one write.
    if (headers['content-length'] === undefined) response.flushHeaders();
    response.on('drain', () => this.#call?.resume());
  }

  passed(bytes: Buffer): boolean {
    if (this.#held === null) return this.#order.response.write(bytes);
    this.#held.chunks.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > HELD_BYTES_MAX) {
      this.#call?.stop();
      this.failed(`its answer is longer than ${HELD_BYTES_MAX} bytes, too long for a response generator`);
    }
    return true;
  }

  ended(): void {
    if (this.#held !== null) {
      void this.#generate(this.#held);
      return;
    }
    this.#order.response.end();
    this.#finish('Success');
  }

  failed(why: string): void {
    if (this.#isOver) return;
    const { response, handler } = this.#order;
    this.#logger.warn({ route: handler.route, why }, 'the model did not answer');
    if (response.headersSent) response.destroy();
    else answerEmpty(response, 500);
    this.#finish('Error');
  }

  async #generate({ status, headers, chunks }: Held): Promise<void> {
    const { handler, request, payload, response } = this.#order;
    const body = Buffer.concat(chunks);
    const answer = { status, headers, body, json: () => JSON.parse(body.toString('utf8')) as unknown };
    try {
      const making = handler.responseGenerator?.({ headers: request.headers, payload }, answer);
      const made = await within(GENERATING_MS, making);
      if (this.#isOver) return;
      send(response, made ?? {});
      this.#finish('Success');
    } catch (error) {
      if (this.#isOver) return;
      this.#logger.error({ route: handler.route, err: error }, 'the response generator failed');
      answerEmpty(response, 500);
      this.#finish('Error');
    }
  }

  #finish(outcome: Parameters<Work['end']>[0]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#order.work.end(outcome);
    this.#order.turn?.end();
  }
}

function send(response: ServerResponse, { status = 200, headers = {}, body = '' }: GeneratedAnswer): void {
  const given = Object.entries(headers);
  const isType = (name: string) => name.toLowerCase() === 'content-type';
  const type = given.find(([name]) => isType(name))?.[1];
  const others = given.filter(([name]) => !isType(name)).flat();
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    answerBytes(response, status, type ?? 'text/plain; charset=utf-8', body, others);
  } else if (body instanceof Uint8Array) {
    answerBytes(response, status, type ?? 'application/octet-stream', Buffer.from(body), others);
  } else answerBytes(response, status, type ?? 'application/json; charset=utf-8', pythonJson(body), others);
}

async function within<Made>(ms: number, making: Made | Promise<Made>): Promise<Made> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([making, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
