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
