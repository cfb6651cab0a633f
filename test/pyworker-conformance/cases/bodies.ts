import { gzipSync } from 'node:zlib';
import { asks, type Case } from '../case.ts';
import { json, type Side } from '../side.ts';

/** A body that is built around valid auth data. */
function asksWith(
  name: string,
  body: (side: Side) => string | Buffer,
  headers: Record<string, string> = {},
): Case {
  return { name, run: (side) => side.ask('/parallel', { body: body(side), headers }) };
}

const raw = (name: string, body: string | Buffer) => asks(name, '/parallel', { body });

/** What callers send, and how much of it is looked at. */
export const BODY_CASES: Case[] = [
  raw('a body that is not JSON', 'not json'),
  raw('an empty body', ''),
  raw('a body cut in the middle', '{"auth_data": {"cost": 1'),
  raw('a body that is a number', '17'),
  raw('a body that is a string', '"words"'),
  raw('a body that is a list', '[]'),
  raw('a body that is null', 'null'),
  raw('an empty object', '{}'),
  { name: 'no payload', run: (side) => side.ask('/parallel', { body: json({ auth_data: side.auth() }) }) },
  raw('no auth data', json({ payload: {} })),
  raw('empty auth data', json({ auth_data: {}, payload: {} })),
  raw('empty auth data and no payload', json({ auth_data: {} })),
  ...['cost', 'endpoint', 'reqnum', 'request_idx', 'signature', 'url'].map((field) =>
    asks(`auth data without ${field}`, '/parallel', { auth: { [field]: undefined } }),
  ),
  raw('auth data that is null', json({ auth_data: null, payload: {} })),
  raw('auth data that is a string', json({ auth_data: 'me', payload: {} })),
  raw('auth data that is a list', json({ auth_data: [], payload: {} })),
  asks('a payload that is a list', '/parallel', { payload: [1, 2] }),
  asks('a payload that is a string', '/parallel', { payload: 'words' }),
  asks('a payload that is null', '/parallel', { payload: null }),
  asks('a payload that is a list, and auth data that lacks a field', '/parallel', {
    payload: [],
    auth: { cost: undefined },
  }),
  asks('an empty payload', '/parallel', { payload: {} }),
  asks('more fields than known', '/parallel', { auth: { __request_id: 'r', more: [1] }, payload: { a: 1 } }),
  asksWith('more members than known', (side) =>
    json({ auth_data: side.auth(), payload: { a: 1 }, more: true, session_id: null }),
  ),
  asks('a query and headers of the caller', '/parallel?api_key=secret-key', {
    headers: {
      authorization: 'Bearer secret-key',
      cookie: 'a=1',
      'x-own': '1',
      'user-agent': 'vastai-sdk/1.9.1',
    },
  }),
  asks('another content type', '/parallel', { headers: { 'content-type': 'text/plain' } }),
  asks('letters beyond ASCII', '/parallel', { payload: { text: 'größer 漢字 😀 \u2028' } }),
  asksWith(
    'numbers beyond what a double holds',
    (side) => `{"auth_data": ${json(side.auth())}, "payload": {"seed": 12345678901234567891, "n": 1.5}}`,
  ),
  asksWith(
    'a member twice',
    (side) => `{"auth_data": ${json(side.auth())}, "payload": {"a": 1}, "payload": {"a": 2}}`,
  ),
  asksWith('NaN for a number', (side) => `{"auth_data": ${json(side.auth())}, "payload": {"a": NaN}}`),
  asksWith(
    'white space around it all',
    (side) => ` \r\n{ "auth_data" : ${json(side.auth())} , "payload" : { } }\n`,
  ),
  asksWith('a byte order mark', (side) => `\ufeff${json({ auth_data: side.auth(), payload: {} })}`),
  asksWith('bytes that are not UTF-8', (side) =>
    Buffer.from(`{"auth_data": ${json(side.auth())}, "payload": {"text": "gr\xf6\xdfer"}}`, 'latin1'),
  ),
  asksWith(
    'another charset, and said so',
    (side) =>
      Buffer.from(`{"auth_data": ${json(side.auth())}, "payload": {"text": "gr\xf6\xdfer"}}`, 'latin1'),
    { 'content-type': 'application/json; charset=latin-1' },
  ),
  asksWith('a compressed body', (side) => gzipSync(json({ auth_data: side.auth(), payload: { a: 1 } })), {
    'content-encoding': 'gzip',
  }),
  asksWith(
    'a chunked body',
    (side) => {
      const body = json({ auth_data: side.auth(), payload: { a: 1 } });
      const [first, second] = [body.slice(0, 40), body.slice(40)];
      const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
      return `${chunk(first)}${chunk(second)}0\r\n\r\n`;
    },
    { 'transfer-encoding': 'chunked' },
  ),
  asks('a large body of a caller', '/parallel', { payload: { text: 'x'.repeat(3_000_000) } }),
  {
    name: 'a body that waits to be asked for',
    run: async (side) => {
      const body = json({ auth_data: side.auth(), payload: { a: 1 } });
      const head = `POST /parallel HTTP/1.1\r\nhost: worker\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`;
      const started = side.start('/parallel', { bytes: head });
      await started.received('100 Continue');
      started.write(body);
      return side.show(await started.answer);
    },
  },
  {
    name: 'a caller of HTTP/1.0',
    run: (side) => {
      const body = json({ auth_data: side.auth(), payload: {} });
      return side.ask('/parallel', {
        bytes: `POST /parallel HTTP/1.0\r\nhost: worker\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      });
    },
  },
  asks('a request parser that wraps', '/parsed', { payload: { a: 1, workload: 300 } }),
  asks('a request parser that refuses', '/parsed', { payload: { refuse: 'not this' } }),
  asks('a request parser that refuses, and auth data that lacks a field', '/parsed', {
    payload: { refuse: 'not this' },
    auth: { cost: undefined },
  }),
  asks('a request parser that raises', '/parsed', { payload: { explode: 'boom' } }),
  asks('a payload that the request parser never sees', '/parsed', { payload: 'words' }),
  ...['raises', 'nan', 'infinite', 'negative', 'text', 'none'].map((kind) =>
    asks(`a workload calculator: ${kind}`, '/odd-workload', { payload: { kind } }),
  ),
  asks('a route without a workload calculator', '/no-workload', { payload: {} }),
  asks('a workload of its own', '/parallel', { payload: { workload: 12.5 } }),
  asks('a workload of nothing', '/parallel', { payload: { workload: 0 } }),
  asks('a form is sent to the model', '/upload', { payload: { text: 'größer', note: 'a note' } }),
];
