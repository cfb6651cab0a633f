import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** A refusal in vLLM's own shape: `{"error": {message, type, param, code}}`. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;

  constructor(status: number, type: string, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.type = type;
    this.param = param;
  }

  toBody(): unknown {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.status } };
  }
}

/** What the framework beneath vLLM says of a route or a method that is not there, in a shape of its own. */
export class NoSuchRoute extends ApiError {
  constructor(status: 404 | 405) {
    super(status, '', status === 404 ? 'Not Found' : 'Method Not Allowed');
  }

  override toBody(): unknown {
    return { detail: this.message };
  }
}

/** A body whose fields are not what they should be: refused before vLLM has read it. */
export function unreadable(message: string): ApiError {
  return new ApiError(400, 'Bad Request', message);
}

export function badRequest(message: string, param: string | null = null): ApiError {
  return new ApiError(400, 'BadRequestError', message, param);
}

export function modelNotFound(model: string): ApiError {
  return new ApiError(404, 'NotFoundError', `The model \`${model}\` does not exist.`, 'model');
}

export function engineDead(): ApiError {
  const message = 'EngineCore encountered an issue. See stack trace (above) for the root cause.';
  return new ApiError(500, 'InternalServerError', message);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, { status, type: 'application/json', body: JSON.stringify(body) });
}

export function sendText(
  response: ServerResponse,
  { status, type, body }: { status: number; type: string | null; body: string },
): void {
  response.writeHead(status, {
    server: 'uvicorn',
    'content-length': Buffer.byteLength(body),
    ...(type === null ? {} : { 'content-type': type }),
  });
  response.end(body);
}

/** Waits for the client to take what was sent: a slow reader must not fill our memory. */
export async function sendEvent(response: ServerResponse, data: string, type?: string): Promise<void> {
  const event = `${type === undefined ? '' : `event: ${type}\n`}data: ${data}\n\n`;
  if (response.destroyed || response.write(event)) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}

export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { server: 'uvicorn', 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
}

export function hexId(): string {
  return randomUUID().replaceAll('-', '').slice(0, 16);
}

export function nowS(): number {
  return Math.floor(Date.now() / 1000);
}
