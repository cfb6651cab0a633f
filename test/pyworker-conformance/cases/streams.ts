import { asks, type Case } from '../case.ts';
import { answered } from '../side.ts';

const EVENTS = ['data: {"n": 1}\n\n', 'data: {"n": 2}\n\n', 'data: [DONE]\n\n'];
const LINES = ['{"n": 1}\n', '{"n": 2}\n'];

/** Answers that come bit by bit. */
export const STREAM_CASES: Case[] = [
  asks('server-sent events', '/parallel', {
    ...answered({ headers: { 'content-type': 'text/event-stream' }, chunks: EVENTS }),
  }),
  asks('server-sent events with their charset', '/parallel', {
    ...answered({ headers: { 'content-type': 'text/event-stream; charset=utf-8' }, chunks: EVENTS }),
  }),
  asks('server-sent events of a serial route', '/serial', {
    ...answered({ headers: { 'content-type': 'text/event-stream' }, chunks: EVENTS }),
  }),
  asks('server-sent events that know their length', '/parallel', {
    ...answered({ headers: { 'content-type': 'text/event-stream' }, body: EVENTS.join('') }),
  }),
  asks('lines of JSON', '/parallel', {
    ...answered({ headers: { 'content-type': 'application/x-ndjson' }, chunks: LINES }),
  }),
  asks('lines of JSON under their other name', '/parallel', {
    ...answered({ headers: { 'content-type': 'application/jsonl' }, chunks: LINES }),
  }),
  asks('a chunked answer of plain JSON', '/parallel', {
    ...answered({ headers: { 'content-type': 'application/json' }, chunks: ['{"n":', ' 1}'] }),
  }),
  asks('a chunked answer without a content type', '/parallel', answered({ chunks: ['some', ' words'] })),
  asks('bytes of any kind', '/parallel', {
    ...answered({ headers: { 'content-type': 'application/octet-stream' }, body: 'bytes' }),
  }),
  asks('an empty stream', '/parallel', {
    ...answered({ headers: { 'content-type': 'text/event-stream' }, chunks: [] }),
  }),
  asks('a stream that fails at once', '/parallel', {
    ...answered({
      status: 503,
      headers: { 'content-type': 'text/event-stream' },
      chunks: EVENTS.slice(0, 1),
    }),
  }),
  asks('a stream with headers of its own', '/parallel', {
    ...answered({
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-request-id': '17' },
      chunks: EVENTS,
    }),
  }),
  asks('a stream that the model breaks off', '/parallel', {
    patienceMs: 2_000,
    ...answered({ headers: { 'content-type': 'text/event-stream' }, chunks: EVENTS.slice(0, 2), cut: 'end' }),
  }),
  asks('a chunked answer that the model breaks off', '/parallel', {
    patienceMs: 2_000,
    ...answered({ headers: { 'content-type': 'application/json' }, chunks: ['{"n":'], cut: 'end' }),
  }),
  {
    name: 'each event goes on before the next one is there',
    run: async (side) => {
      const started = side.start('/parallel', {
        ...answered({
          headers: { 'content-type': 'text/event-stream' },
          chunks: EVENTS,
          hold: 1,
          tag: 'paced',
        }),
      });
      await started.received('data: {"n": 1}');
      side.model.release('paced');
      return side.show(await started.answer);
    },
  },
  {
    name: 'the head of a stream goes on before its first event is there',
    run: async (side) => {
      const started = side.start('/parallel', {
        ...answered({
          headers: { 'content-type': 'text/event-stream' },
          chunks: EVENTS,
          hold: 0,
          tag: 'head',
        }),
      });
      await started.received('\r\n\r\n');
      side.model.release('head');
      return side.show(await started.answer);
    },
  },
  asks('a long stream', '/parallel', {
    ...answered({
      headers: { 'content-type': 'text/event-stream' },
      chunks: Array.from({ length: 2_000 }, (_, n) => `data: {"n": ${n}, "text": "${'x'.repeat(200)}"}\n\n`),
    }),
  }),
];
