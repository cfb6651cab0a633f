/** What a request in the body would ask for, should a server take it for one. */
const HIDDEN = 'GET /healthz HTTP/1.1\r\nHost: hidden\r\n\r\n';

/**
 * Requests whose end two readers could see in two places. Whoever stands before us may have counted the other way,
 * so that what follows would be taken for somebody else's request: each has to be refused as a whole.
 */
export const CONFUSING_REQUESTS: readonly string[] = [
  request(['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`),
  request(['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${HIDDEN}`),
  request(['Content-Length: 0', `Content-Length: ${HIDDEN.length}`], HIDDEN),
  request(['Content-Length: 0,5'], HIDDEN),
  request(['Content-Length: +0'], HIDDEN),
  request(['Content-Length: -1'], HIDDEN),
  request(['Content-Length: 0x2'], HIDDEN),
  request(['Content-Length : 0'], HIDDEN),
  request(['Transfer-Encoding: xchunked'], `0\r\n\r\n${HIDDEN}`),
  request(['Transfer-Encoding : chunked'], `0\r\n\r\n${HIDDEN}`),
  request(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${HIDDEN}`),
  request(['Transfer-Encoding: identity', 'Content-Length: 0'], HIDDEN),
  request(['Transfer-Encoding:\x0bchunked'], `0\r\n\r\n${HIDDEN}`),
  request(['X: y\r\n Transfer-Encoding: chunked', 'Content-Length : 0'], HIDDEN),
  request(['Transfer-Encoding: chunked'], `-1\r\n\r\n${HIDDEN}`),
  request(['Transfer-Encoding: chunked'], `FFFFFFFFFFFFFFFFF\r\n\r\n${HIDDEN}`),
  request(['Transfer-Encoding: chunked'], `0;\nx\r\n\r\n${HIDDEN}`),
  'GET /healthz HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n',
  'GET  HTTP/1.1\r\nHost: a\r\n\r\n',
];

function request(headers: readonly string[], body: string): string {
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n${headers.join('\r\n')}\r\n\r\n${body}`;
}
