import { gzipSync } from 'node:zlib';
import type { HostileClient, Target } from './client.ts';
import { CONFUSING_REQUESTS } from './confusing-requests.ts';

export type Attack = {
  readonly name: string;
  /** Connections at once in a short run; a long one has `timesWhenLong` as many. */
  readonly together: number;
  readonly timesWhenLong: number;
  /** What a server may say to it. */
  readonly expected: RegExp;
  /** More answers on one connection were a request that nobody sent. */
  readonly answersMax?: number;
  attack(client: HostileClient, target: Target, nth: number): void;
};

const HOST = 'Host: gateway\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const CHAT = '/v1/chat/completions';
const LONG_STREAM = JSON.stringify({
  messages: [{ role: 'user', content: 'Go on.' }],
  stream: true,
  max_tokens: 3_000,
  min_tokens: 3_000,
  ignore_eos: true,
});
/** Enough to fill every buffer on the way: more than a kilobyte for each token. */
const FLOOD = JSON.stringify({
  ...JSON.parse(LONG_STREAM),
  max_tokens: 20_000,
  min_tokens: 20_000,
  logprobs: true,
  top_logprobs: 20,
});
/** Without the right token: refused, and after ten a minute refused for that. */
const STRANGER = /^(401|429)$/;

export const ATTACKS: readonly Attack[] = [
  {
    name: 'heads that never end, a byte at a time',
    together: 60,
    timesWhenLong: 5,
    expected: /^408$/,
    attack: (client) => {
      client.send(`GET /healthz HTTP/1.1\r\n${HOST}`);
      client.trickle('X-More: a\r\n', 1_000);
    },
  },
  {
    name: 'bodies that never end, of a known caller',
    together: 40,
    timesWhenLong: 2,
    expected: /^(408|429)$/,
    attack: (client, target) => {
      client.send(`${post(CHAT, target.token)}Content-Length: 100000\r\n\r\n{"messages":`);
      client.trickle(' ', 500);
    },
  },
  {
    name: 'chunks that never end, of a known caller',
    together: 20,
    timesWhenLong: 2,
    expected: /^(408|429)$/,
    attack: (client, target) => {
      client.send(`${post('/api/admin/vllm/launch', target.token)}Transfer-Encoding: chunked\r\n\r\n`);
      client.trickle('1\r\n \r\n', 500);
    },
  },
  {
    name: 'streams that nobody reads',
    together: 4,
    timesWhenLong: 2,
    expected: /^(200|429)$/,
    attack: (client, target) => {
      client.stopReading();
      client.send(`${post(CHAT, target.token)}Content-Length: ${FLOOD.length}\r\n\r\n${FLOOD}`);
    },
  },
  {
    name: 'streams that are left in the middle',
    together: 8,
    timesWhenLong: 2,
    expected: /^(200|429)$/,
    attack: (client, target, nth) => {
      client.send(`${post(CHAT, target.token)}Content-Length: ${LONG_STREAM.length}\r\n\r\n${LONG_STREAM}`);
      client.breakOffAfter(100 + (nth % 7) * 50);
    },
  },
  {
    name: 'live events that nobody reads',
    together: 10,
    timesWhenLong: 2,
    expected: /^(200|429)$/,
    attack: (client, target) => {
      client.stopReading();
      client.send(`GET /api/admin/events?views=true HTTP/1.1\r\n${HOST}${bearer(target.token)}\r\n`);
    },
  },
  {
    name: 'connections that say nothing',
    together: 300,
    timesWhenLong: 10,
    expected: /^408$/,
    attack: () => undefined,
  },
  {
    name: 'connections kept alive for nothing',
    together: 200,
    timesWhenLong: 5,
    expected: /^200$/,
    attack: (client) => client.send(`GET /healthz HTTP/1.1\r\n${HOST}\r\n`),
  },
  {
    name: 'heads of 64 KiB',
    together: 4,
    timesWhenLong: 1,
    expected: /^431$/,
    attack: (client) => client.send(`GET /healthz HTTP/1.1\r\n${HOST}X-Big: ${'a'.repeat(65_536)}\r\n\r\n`),
  },
  {
    name: 'ten gigabytes announced',
    together: 4,
    timesWhenLong: 1,
    expected: /^413$/,
    attack: (client, target) => {
      client.send(`${post(CHAT, target.token)}Content-Length: 10737418240\r\n\r\n`);
      client.trickle('a'.repeat(16_384), 50);
    },
  },
  {
    name: 'the same from a stranger',
    together: 4,
    timesWhenLong: 1,
    expected: STRANGER,
    attack: (client) => {
      client.send(`${post(CHAT, 'not-a-key')}Content-Length: 10737418240\r\n\r\n`);
      client.trickle('a'.repeat(16_384), 50);
    },
  },
  {
    name: 'JSON a million deep',
    together: 2,
    timesWhenLong: 1,
    expected: /^(400|413)$/,
    attack: (client, target, nth) => whole(client, nth % 2 ? CHAT : '/api/admin/vllm/launch', target, DEEP),
  },
  {
    name: 'invalid UTF-8',
    together: 2,
    timesWhenLong: 1,
    expected: /^400$/,
    attack: (client, target, nth) =>
      whole(client, nth % 2 ? CHAT : '/api/admin/vllm/launch', target, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
  },
  {
    name: 'a gigabyte, compressed to one megabyte',
    together: 2,
    timesWhenLong: 1,
    expected: /^(400|413|415)$/,
    attack: (client, target, nth) =>
      whole(client, nth % 2 ? CHAT : '/api/admin/vllm/launch', target, BOMB, 'Content-Encoding: gzip\r\n'),
  },
  {
    name: 'wrong tokens, as fast as they go',
    together: 8,
    timesWhenLong: 2,
    expected: STRANGER,
    attack: (client, _target, nth) => {
      const path = ['/v1/models', '/api/admin/budget', '/api/admin/vllm/status'][nth % 3];
      const get = `GET ${path} HTTP/1.1\r\n${HOST}${bearer(`guess-${nth}`)}\r\n`;
      client.send(get);
      client.trickle(get, 20);
    },
  },
  {
    name: 'a thousand requests in one breath',
    together: 1,
    timesWhenLong: 1,
    expected: /^200$/,
    attack: (client) => {
      client.send(`GET /healthz HTTP/1.1\r\n${HOST}\r\n`.repeat(1_000));
      client.breakOffAfter(2_000);
    },
  },
  {
    name: 'requests of two lengths (smuggling)',
    together: CONFUSING_REQUESTS.length,
    timesWhenLong: 1,
    // Those whose body alone is wrong are refused for the lack of a key, should that be seen first.
    expected: /^(400|401|429)$/,
    answersMax: 1,
    attack: (client, _target, nth) => {
      client.send(CONFUSING_REQUESTS[nth % CONFUSING_REQUESTS.length] ?? '');
      client.breakOffAfter(1_000);
    },
  },
  {
    name: 'an upgrade to WebSocket',
    together: 2,
    timesWhenLong: 1,
    expected: /^(401|404|429)$/,
    attack: (client, _target, nth) => {
      const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
      const path = nth % 2 ? '/api/admin/events' : '/nowhere';
      client.send(`GET ${path} HTTP/1.1\r\n${HOST}${upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n`);
      client.breakOffAfter(1_000);
    },
  },
];

const DEEP = Buffer.from('['.repeat(1_000_000));
const BOMB = gzipSync(Buffer.alloc(256 * 1_024 * 1_024));

function post(path: string, token: string): string {
  return `POST ${path} HTTP/1.1\r\n${HOST}${bearer(token)}${JSON_TYPE}`;
}

function bearer(token: string): string {
  return `Authorization: Bearer ${token}\r\n`;
}

function whole(client: HostileClient, path: string, target: Target, body: Buffer, more = ''): void {
  client.send(`${post(path, target.token)}${more}Content-Length: ${body.length}\r\n\r\n`);
  client.send(body);
  client.breakOffAfter(1_500);
}
