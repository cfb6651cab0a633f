import { type ServerResponse, STATUS_CODES } from 'node:http';

/** JSON as Python writes it: clients of the official worker may compare it as text. */
export function pythonJson(value: unknown): string {
  // Line ends within texts are escaped, so each of these is one that the indent made.
  const text = JSON.stringify(value, null, 1)
    .replaceAll(/,\n\s*/g, ', ')
    .replaceAll(/\n\s*/g, '');
  return text.replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answerBytes(response, status, 'application/json; charset=utf-8', pythonJson(value));
}

/** 401, 429 and 500 say nothing more. */
export function answerEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status, ['content-length', '0']);
  response.end();
}

/** As aiohttp words it: `404: Not Found`. */
export function answerText(response: ServerResponse, status: number, headers: readonly string[] = []): void {
  answerBytes(response, status, 'text/plain; charset=utf-8', `${status}: ${STATUS_CODES[status]}`, headers);
}

export function answerBytes(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string | Buffer,
  headers: readonly string[] = [],
): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, ['content-type', contentType, 'content-length', length, ...headers]);
  response.end(body);
}
