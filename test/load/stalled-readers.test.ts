import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { chat, serveRaw, until } from '../gateway/upstreams.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';

const QUICK = { stallMs: 600, lookMs: 50 };
const SSE = { 'content-type': 'text/event-stream' };
const EVENT = `data: ${JSON.stringify({ choices: [{ delta: { content: 'word '.repeat(2_000) } }] })}\n\n`;

/** A caller that sends a request as it stands and reads only when it is told to. */
async function aCaller(url: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  const body = JSON.stringify(chat({ stream: true }));
  const head = `Host: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json`;
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

test('who never reads its stream is let go, and the instance stops generating for nobody', async () => {
  await using edge = await startHttpEdge({ stalls: QUICK });
  let isLeft = false;
  await using _instance = await serveRaw(edge, (response) => {
    response.writeHead(200, SSE);
    const flood = setInterval(() => response.write(EVENT), 1);
    response.on('close', () => {
      clearInterval(flood);
      isLeft = true;
    });
  });
  const caller = await aCaller(edge.url);
  await until(() => isLeft, 'the instance is left');
  caller.destroy();
});

test('a stream that is slow in coming is not one that nobody reads', async () => {
  await using edge = await startHttpEdge({ stalls: { stallMs: 100, lookMs: 20 } });
  await using _instance = await serveRaw(edge, (response) => {
    response.writeHead(200, SSE);
    response.write(EVENT);
    setTimeout(() => response.end('data: [DONE]\n\n'), 1_500);
  });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ stream: true }) });
  expect((await answer.text()).endsWith('data: [DONE]\n\n')).toBe(true);
});
