import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { asks, type Case } from '../case.ts';
import { answered } from '../side.ts';

const BODY = '{"words": "ten of them, so that there is something to press together"}';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Whole answers of the model: each goes to the caller as it is. */
export const ANSWER_CASES: Case[] = [
  ...[200, 201, 202, 206, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504].map((status) =>
    asks(`the model's ${status} is passed on`, '/parallel', answered({ status, body: BODY })),
  ),
  asks('a 204 without a body', '/parallel', answered({ status: 204, headers: {} })),
  asks('an empty 200', '/parallel', answered({})),
  asks('an empty 200 without a content type', '/parallel', answered({ headers: {} })),
  asks('a body without a content type', '/parallel', answered({ headers: {}, body: 'plain words' })),
  asks('a body with the charset in its content type', '/parallel', {
    ...answered({ headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'größer' }),
  }),
  asks('bytes that are no text', '/parallel', {
    ...answered({
      headers: { 'content-type': 'image/png' },
      base64: Buffer.from([0x89, 0x50, 0, 255, 254]).toString('base64'),
    }),
  }),
  asks('a content type of its own kind', '/parallel', {
    ...answered({ headers: { 'content-type': 'application/vnd.own+json' }, body: BODY }),
  }),
  asks('an error as text', '/parallel', {
    ...answered({ status: 500, headers: { 'content-type': 'text/plain' }, body: 'CUDA out of memory' }),
  }),
  asks('headers of the model', '/parallel', {
    ...answered({
      headers: { ...JSON_TYPE, 'x-request-id': '17', 'retry-after': '3', 'cache-control': 'no-store' },
      body: BODY,
    }),
  }),
  asks('two cookies', '/parallel', {
    ...answered({ headers: { ...JSON_TYPE, 'set-cookie': ['a=1', 'b=2'] }, body: BODY }),
  }),
  asks('headers that are for one hop only', '/parallel', {
    ...answered({
      headers: {
        ...JSON_TYPE,
        connection: 'close, x-hop',
        'x-hop': '1',
        'keep-alive': 'timeout=5',
        'proxy-authenticate': 'Basic',
      },
      body: BODY,
    }),
  }),
  ...Object.entries({ gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }).map(
    ([encoding, press]) =>
      asks(`a body in ${encoding}`, '/parallel', {
        // The official worker says the packed length, and sends the unpacked body.
        patienceMs: 2_000,
        ...answered({
          headers: { ...JSON_TYPE, 'content-encoding': encoding },
          base64: press(BODY).toString('base64'),
        }),
      }),
  ),
  asks('a redirect', '/parallel', answered({ status: 302, headers: { location: '/health' } })),
  asks(
    'a redirect that keeps the method',
    '/parallel',
    answered({ status: 307, headers: { location: '/serial' } }),
  ),
  asks('a large body', '/parallel', answered({ body: JSON.stringify({ text: 'x'.repeat(3_000_000) }) })),
  asks('a model that hangs up without an answer', '/parallel', answered({ cut: 'head' })),
  asks('a model that hangs up within its answer', '/parallel', {
    ...answered({
      raw: 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a":',
    }),
  }),
  asks('a model that does not speak HTTP', '/parallel', answered({ raw: 'hello\r\n\r\n' })),
  asks('a model that speaks HTTP/1.0', '/parallel', {
    ...answered({ raw: `HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n${BODY}` }),
  }),
  asks('a model that sends a notice before its answer', '/parallel', {
    ...answered({
      raw: `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
    }),
  }),
  asks('a response hook', '/generated', answered({ status: 201, ...{ body: BODY } })),
  asks('a response hook that raises', '/generated', answered({ body: '{"explode": "no"}' })),
  asks('a response hook that cannot read the answer', '/generated', answered({ body: 'not JSON' })),
];
