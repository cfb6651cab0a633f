/**
 * The load generator: signed requests on raw sockets, one at a time on each, every one with numbers of its own.
 * A connection that the worker closes after an answer is opened anew, and the time for that counts, as it does for
 * a caller. Reads an order as JSON from its first argument, prints what it measured as JSON.
 *
 * @typedef {{port: number, url: string, signature: string, connections: number, seconds: number,
 *   requests?: number, firstNumber: number}} Order
 */
import { connect } from 'node:net';
import { quantile } from '../bench/numbers.mjs';

/** @type {Order} */
const order = JSON.parse(process.argv[2]);
/** Of ten digits each, so that all requests are of one length. */
const NUMBER = '1000000000';
const template = requestOf(order);
const numberAt = [...template.matchAll(new RegExp(NUMBER, 'g'))].map(({ index }) => index);
const bytes = Buffer.from(template);

const latencies = [];
let errors = 0;
let begun = 0;
const startedMs = performance.now();
const untilMs = startedMs + order.seconds * 1_000;
const mayBegin = () => (order.requests === undefined ? performance.now() < untilMs : begun < order.requests);

await Promise.all(Array.from({ length: order.connections }, () => runCaller()));
const seconds = (performance.now() - startedMs) / 1_000;
process.stdout.write(
  `${JSON.stringify({
    requests: latencies.length,
    errors,
    perSecond: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  })}\n`,
);

/** One request after another, until time or requests are used up. */
async function runCaller() {
  let socket = null;
  while (mayBegin()) {
    begun += 1;
    const number = String(Number(NUMBER) + order.firstNumber + begun);
    const beganMs = performance.now();
    socket ??= connect({ port: order.port, host: '127.0.0.1', noDelay: true });
    const answer = await ask(socket, number);
    if (answer.isOk) latencies.push(performance.now() - beganMs);
    else errors += 1;
    if (answer.isKept) continue;
    socket.destroy();
    socket = null;
  }
  socket?.destroy();
}

/** The answer to one request; `isKept` says whether another may follow on this socket. */
function ask(socket, number) {
  return new Promise((resolve) => {
    let read = '';
    const finish = (answer) => {
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      resolve(answer);
    };
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1');
      const answer = wholeAnswer(read);
      if (answer !== null) finish(answer);
    });
    socket.on('error', () => finish({ isOk: false, isKept: false }));
    socket.on('close', () => finish({ isOk: false, isKept: false }));
    for (const at of numberAt) bytes.write(number, at, 'latin1');
    // A copy: the socket may still hold these bytes when the next caller writes its number into them.
    socket.write(Buffer.from(bytes));
  });
}

function wholeAnswer(read) {
  const headEnd = read.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const head = read.slice(0, headEnd);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
  const isWhole = Number.isNaN(length) ? read.endsWith('\r\n0\r\n\r\n') : read.length >= headEnd + 4 + length;
  if (!isWhole) return null;
  return { isOk: head.startsWith('HTTP/1.1 200'), isKept: !/\r\nconnection: *close/i.test(head) };
}

function requestOf({ url, signature }) {
  const body = JSON.stringify({
    auth_data: {
      cost: 64,
      endpoint: 'bench',
      reqnum: Number(NUMBER),
      request_idx: Number(NUMBER),
      signature,
      url,
      __request_id: 'a-request-of-the-benchmark',
    },
    session_id: null,
    payload: {
      model: 'bench',
      prompt: 'Say something that is as long as a short question would be.',
      max_tokens: 64,
    },
  });
  const head = [
    'POST /v1/completions?api_key=endpoint-key HTTP/1.1',
    `host: 127.0.0.1`,
    'authorization: Bearer endpoint-key',
    'user-agent: vastai-sdk/1.9.1',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
