import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type AnswerMessage, answerTo } from './anthropic-answers.ts';
import { type EventOptions, eventBytes, eventsOf } from './anthropic-events.ts';
import { ApiRefusal, type LookAlikeRequest, readRequest } from './anthropic-request.ts';

/** How a look-alike fails, each as the real API or the way to it has failed. */
export type AnthropicFault =
  /** 429 with `retry-after: 7`. */
  | 'rate-limited'
  /** 529 `overloaded_error`. */
  | 'overloaded'
  /** 500 with a page of HTML, as something on the way answers. */
  | 'html-500'
  /** 500 `api_error`. */
  | 'api-error'
  /** 400 that the account is empty. */
  | 'no-credit'
  /** 403 `permission_error`. */
  | 'forbidden'
  /** 200 with a page of HTML. */
  | 'garbage'
  /** A stream whose first event is an error. */
  | 'error-at-once'
  /** A stream with an `overloaded_error` in its middle. */
  | 'error-midstream'
  /** The connection breaks in the middle of an answer. */
  | 'cut'
  /** The stream ends well in its middle, without `message_stop`. */
  | 'ended-early'
  /** Takes the request and says nothing. */
  | 'hang'
  /** Falls silent in the middle of a stream. */
  | 'hang-midstream'
  /** Resets the connection at once. */
  | 'reset'
  /** Sends a stream with a pause before each event. */
  | 'slow';

export type AnthropicReceived = {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly status: number;
};

export type AnthropicApi = AsyncDisposable & {
  /** Without `/v1`, as the official clients take it. */
  readonly url: string;
  readonly apiKey: string;
  readonly received: readonly AnthropicReceived[];
  /** How many answers the other side went away from. */
  aborted(): number;
  /** The next requests fail in turn; those after them as `failAlways` said. */
  failNext(...faults: AnthropicFault[]): void;
  failAlways(fault: AnthropicFault | null): void;
  stop(): Promise<void>;
};

export type AnthropicApiOptions = EventOptions & {
  readonly apiKey?: string;
  /** Pause before each event of a slow stream. */
  readonly slowMs?: number;
  /** An answer other than the one the request leads to. */
  readonly answer?: (request: LookAlikeRequest) => AnswerMessage;
};

const BODY_BYTES_MAX = 32 * 1_024 * 1_024;

/** A server that answers `POST /v1/messages` as Anthropic's published API does, strictness included. */
export async function startAnthropicApi(options: AnthropicApiOptions = {}): Promise<AnthropicApi> {
  const { apiKey = 'sk-ant-api03-look-alike' } = options;
  const received: AnthropicReceived[] = [];
  const next: AnthropicFault[] = [];
  let always: AnthropicFault | null = null;
  let aborted = 0;
  const server = createServer(async (request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) aborted += 1;
    });
    try {
      const body = await bodyOf(request);
      const fault = next.shift() ?? always;
      await answer({ request, response, body, fault, options: { ...options, apiKey } });
      received.push({ headers: request.headers, body, status: response.statusCode });
    } catch (error) {
      // The other side went away while it was answered.
      response.destroy(error instanceof Error ? error : undefined);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    apiKey,
    received,
    aborted: () => aborted,
    failNext: (...faults) => void next.push(...faults),
    failAlways: (fault) => {
      always = fault;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly fault: AnthropicFault | null;
  readonly options: AnthropicApiOptions & { readonly apiKey: string };
};

async function answer({ request, response, body, fault, options }: Exchange): Promise<void> {
  if (fault && failAtOnce(response, fault)) return;
  try {
    checkCall(request, options.apiKey);
    if (body.length > BODY_BYTES_MAX) {
      throw new ApiRefusal(413, 'request_too_large', 'Request exceeds the maximum size');
    }
    const { request: read, model } = readRequest(parsed(body));
    const message = options.answer?.(read) ?? answerTo(read, model);
    if (read.stream) await stream({ response, message, fault, options });
    else if (fault === 'cut') cutPlain(response, message);
    else sendJson(response, 200, message);
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    sendError(response, error.status, error.type, error.message);
  }
}

function checkCall({ method, url, headers }: IncomingMessage, apiKey: string): void {
  if (method !== 'POST' || url !== '/v1/messages') throw new ApiRefusal(404, 'not_found_error', 'Not found');
  if (headers['x-api-key'] === undefined) {
    throw new ApiRefusal(401, 'authentication_error', 'x-api-key header is required');
  }
  if (headers['x-api-key'] !== apiKey) throw new ApiRefusal(401, 'authentication_error', 'invalid x-api-key');
  if (headers['anthropic-version'] !== '2023-06-01') {
    throw new ApiRefusal(400, 'invalid_request_error', 'anthropic-version: header is required');
  }
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) {
    throw new ApiRefusal(400, 'invalid_request_error', 'content-type must be application/json');
  }
}

/** Whether the fault was the whole answer; the others come while an answer is sent. */
function failAtOnce(response: ServerResponse, fault: AnthropicFault): boolean {
  switch (fault) {
    case 'rate-limited':
      response.setHeader('retry-after', '7');
      return sendError(response, 429, 'rate_limit_error', 'This request would exceed your rate limit.');
    case 'overloaded':
      return sendError(response, 529, 'overloaded_error', 'Overloaded');
    case 'api-error':
      return sendError(response, 500, 'api_error', 'Internal server error');
    case 'no-credit':
      return sendError(
        response,
        400,
        'invalid_request_error',
        'Your credit balance is too low to access the API.',
      );
    case 'forbidden':
      return sendError(response, 403, 'permission_error', 'Your key has no permission for this.');
    case 'html-500':
    case 'garbage':
      response.writeHead(fault === 'garbage' ? 200 : 500, { 'content-type': 'text/html' });
      response.end('<html><body><h1>Something went wrong</h1></body></html>');
      return true;
    case 'hang':
      return true;
    case 'reset':
      response.socket?.resetAndDestroy();
      return true;
    default:
      return false;
  }
}

const OVERLOADED = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };

async function stream({
  response,
  message,
  fault,
  options,
}: Pick<Exchange, 'response' | 'fault' | 'options'> & { message: AnswerMessage }): Promise<void> {
  const events = eventsOf(message, options);
  const middle = Math.ceil(events.length / 2);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'request-id': message.id });
  for (const [index, event] of events.entries()) {
    if (fault === 'error-at-once' || (fault === 'error-midstream' && index === middle)) {
      response.end(eventBytes(OVERLOADED, options));
      return;
    }
    if (index === middle && fault === 'ended-early') {
      response.end();
      return;
    }
    if (index === middle && fault === 'cut') {
      await written(response, event.subarray(0, event.length / 2));
      response.socket?.destroy();
      return;
    }
    if (index === middle && fault === 'hang-midstream') return;
    if (fault === 'slow') await wait(options.slowMs ?? 20);
    await written(response, event);
  }
  response.end();
}

function cutPlain(response: ServerResponse, message: AnswerMessage): void {
  const body = Buffer.from(JSON.stringify(message));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(body.length) });
  response.write(body.subarray(0, body.length / 2), () => response.socket?.destroy());
}

/** Waits for a reader that is slower than this server. */
function written(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

function sendError(response: ServerResponse, status: number, type: string, message: string): true {
  return sendJson(response, status, {
    type: 'error',
    error: { type, message },
    request_id: 'req_look_alike',
  });
}

function sendJson(response: ServerResponse, status: number, body: unknown): true {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': String(bytes.length) });
  response.end(bytes);
  return true;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new ApiRefusal(400, 'invalid_request_error', 'The request body is not valid JSON');
  }
}
