/**
 * The load generator: raw sockets, one request at a time on each, so that it costs less than what it measures.
 * Reads an order as JSON from its first argument, prints what it measured as JSON.
 *
 * @typedef {{port: number, headers: Record<string, string>, body: object, connections: number, seconds: number,
 *   requests?: number, readDelayMs?: number, spreadMs?: number}} Order
 */
import { connect } from 'node:net';

/** @type {Order} */
const order = JSON.parse(process.argv[2]);
const body = JSON.stringify(order.body);
const head = [
  'POST /v1/chat/completions HTTP/1.1',
  `host: 127.0.0.1:${order.port}`,
  'content-type: application/json',
  `content-length: ${Buffer.byteLength(body)}`,
  ...Object.entries(order.headers).map(([name, value]) => `${name}: ${value}`),
];
const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);

const latencies = [];
const firstChunks = [];
let events = 0;
let errors = 0;
let begun = 0;
const startedMs = performance.now();
const untilMs = startedMs + order.seconds * 1_000;
const mayBegin = () => (order.requests === undefined ? performance.now() < untilMs : begun < order.requests);

const apartMs = (order.spreadMs ?? 0) / order.connections;
await Promise.all(Array.from({ length: order.connections }, (_, nth) => runConnection(nth * apartMs)));
const seconds = (performance.now() - startedMs) / 1_000;
process.stdout.write(
  `${JSON.stringify({
    requests: latencies.length,
    errors,
    seconds,
    perSecond: latencies.length / seconds,
    eventsPerSecond: events / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    firstChunkP50Ms: quantile(firstChunks, 0.5),
    firstChunkP99Ms: quantile(firstChunks, 0.99),
  })}\n`,
);

/**
 * One request after another on one socket, until time or requests are used up.
 *
 * @param {number} afterMs
 */
function runConnection(afterMs) {
  return new Promise((resolve) => {
    let socket = null;
    let answer = null;
    const next = () => {
      if (!mayBegin()) {
        socket?.destroy();
        return resolve(undefined);
      }
      begun += 1;
      answer = {
        startedMs: performance.now(),
        head: '',
        left: -1,
        isChunked: false,
        hasBegun: false,
        tail: '',
      };
      socket.write(bytes);
    };
    const open = () => {
      socket = connect(order.port, '127.0.0.1', next);
      socket.setNoDelay(true);
      socket.on('data', (chunk) => {
        if (answer === null) return;
        if (read(answer, chunk)) {
          latencies.push(performance.now() - answer.startedMs);
          answer = null;
          next();
        } else if (order.readDelayMs) {
          socket.pause();
          setTimeout(() => socket.resume(), order.readDelayMs);
        }
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (answer === null && !mayBegin()) return resolve(undefined);
        if (answer !== null) errors += 1;
        answer = null;
        if (mayBegin()) setTimeout(open, 10);
        else resolve(undefined);
      });
    };
    setTimeout(open, afterMs);
  });
}

/** True once the answer is whole. */
function read(answer, chunk) {
  let rest = chunk;
  if (answer.left === -1) {
    answer.head += chunk.toString('latin1');
    const end = answer.head.indexOf('\r\n\r\n');
    if (end === -1) return false;
    if (!answer.head.startsWith('HTTP/1.1 200')) errors += 1;
    const length = /\r\ncontent-length: *(\d+)/i.exec(answer.head.slice(0, end + 2))?.[1];
    answer.isChunked = length === undefined;
    answer.left = Number(length ?? 0);
    rest = Buffer.from(answer.head.slice(end + 4), 'latin1');
  }
  if (rest.length === 0) return !answer.isChunked && answer.left === 0;
  if (!answer.hasBegun) {
    answer.hasBegun = true;
    firstChunks.push(performance.now() - answer.startedMs);
  }
  if (!answer.isChunked) {
    answer.left -= rest.length;
    return answer.left <= 0;
  }
  for (let at = rest.indexOf('data: {'); at !== -1; at = rest.indexOf('data: {', at + 7)) events += 1;
  answer.tail = (answer.tail + rest.subarray(-5).toString('latin1')).slice(-5);
  return answer.tail === '0\r\n\r\n';
}

function quantile(values, share) {
  const sorted = values.sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
