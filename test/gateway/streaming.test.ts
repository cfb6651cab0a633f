import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { type HttpEdge, startHttpEdge } from '../support/http-edge.ts';
import { chat, serveFakeVllm, serveRaw, until } from './upstreams.ts';

const SSE = { 'content-type': 'text/event-stream; charset=utf-8' };
const stream = (edge: HttpEdge, more: Record<string, unknown> = {}, init: RequestInit = {}) =>
  edge.ask('/v1/chat/completions', { json: chat({ stream: true, ...more }), ...init });

/** The events of a stream, each of which must be whole. */
async function eventsOf(answer: Response): Promise<unknown[]> {
  const text = await answer.text();
  expect(text).toMatch(/\n\r?\n$/);
  return text
    .trimEnd()
    .split(/\r?\n\r?\n/)
    .map((event) => event.replace(/^data: /, ''))
    .map((data) => (data === '[DONE]' ? data : JSON.parse(data)));
}

function readerOf(answer: Response): ReadableStreamDefaultReader<Uint8Array> {
  if (answer.body === null) throw new Error('The answer has no body');
  return answer.body.getReader();
}

const INTERRUPTED = { error: { code: 'upstream_interrupted', message: expect.stringMatching(/incomplete/) } };

test('a streamed completion arrives whole, with its [DONE]', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  const answer = await stream(edge);
  expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const events = await eventsOf(answer);
  expect(events[0]).toMatchObject({ choices: [{ delta: { role: 'assistant' } }] });
  expect(events.at(-1)).toBe('[DONE]');
});

test('the first tokens arrive while the instance is still generating', async () => {
  await using edge = await startHttpEdge();
  await using vllm = await serveFakeVllm(edge, { tokenDelayMs: 20 });
  const reader = readerOf(await stream(edge, { max_tokens: 200, min_tokens: 200, ignore_eos: true }));
  await reader.read();
  expect(await vllm.metric('vllm:num_requests_running')).toBe(1);
  await reader.cancel();
});

test('a caller that goes away stops the generation', async () => {
  await using edge = await startHttpEdge();
  await using vllm = await serveFakeVllm(edge, { tokenDelayMs: 20 });
  const caller = new AbortController();
  const answer = await stream(
    edge,
    { max_tokens: 2_000, min_tokens: 2_000, ignore_eos: true },
    { signal: caller.signal },
  );
  await readerOf(answer).read();
  expect(await vllm.metric('vllm:num_requests_running')).toBe(1);
  caller.abort();
  await until(async () => (await vllm.metric('vllm:num_requests_running')) === 0, 'the generation stops');
});

test('a caller that goes away before the answer begins stops the request too', async () => {
  await using edge = await startHttpEdge();
  let hasClosed = false;
  await using upstream = await serveRaw(edge, (response) => {
    response.once('close', () => {
      hasClosed = true;
    });
  });
  const caller = new AbortController();
  const answer = stream(edge, {}, { signal: caller.signal });
  await until(() => upstream.received.length === 1, 'the request arrives');
  caller.abort();
  await expect(answer).rejects.toThrow();
  await until(() => hasClosed, 'the connection to the instance closes');
});

test('an instance that dies in the middle of a stream ends it with an error event', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveFakeVllm(edge, { tokenDelayMs: 20 });
  const answer = await stream(edge, { max_tokens: 2_000, min_tokens: 2_000, ignore_eos: true });
  await until(async () => (await upstream.metric('vllm:generation_tokens_total')) > 3, 'tokens come');
  await upstream.vllm.stop();
  const events = await eventsOf(answer);
  expect(events[0]).toMatchObject({ choices: [{ delta: { role: 'assistant' } }] });
  expect(events.at(-1)).toMatchObject(INTERRUPTED);
  expect(events).not.toContain('[DONE]');
});

test('half an event of a dead instance does not spoil the error event', async () => {
  await using edge = await startHttpEdge();
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, SSE);
    response.write('data: {"n":1}\n\ndata: {"n":2}\n\ndata: {"n":', () => response.destroy());
  });
  expect(await eventsOf(await stream(edge))).toMatchObject([{ n: 1 }, { n: 2 }, INTERRUPTED]);
});

test('an event that arrives in pieces is passed on once it is whole', async () => {
  await using edge = await startHttpEdge();
  const pieces = ['data: {"text":"ü', '"}\r\n\r\ndata: {"n"', ':2}\r\n', '\r\ndata: [DONE]\r\n\r\n'];
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, SSE);
    const writeNext = () => {
      const piece = pieces.shift();
      if (piece === undefined) response.end();
      else response.write(piece, () => setImmediate(writeNext));
    };
    writeNext();
  });
  expect(await eventsOf(await stream(edge))).toEqual([{ text: 'ü' }, { n: 2 }, '[DONE]']);
});

test('a stream that ends in good order but without [DONE] was cut off, and says so', async () => {
  await using edge = await startHttpEdge();
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, { ...SSE, 'content-length': '15' });
    response.end('data: {"n":1}\n\n');
  });
  expect(await eventsOf(await stream(edge))).toMatchObject([{ n: 1 }, INTERRUPTED]);
});

test('an instance that falls silent in the middle of a stream ends it with an error event', async () => {
  await using edge = await startHttpEdge({
    deadlines: { connectMs: 5_000, headersMs: 5_000, betweenChunksMs: 200 },
  });
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, SSE);
    response.write('data: {"n":1}\n\n');
  });
  expect(await eventsOf(await stream(edge))).toMatchObject([{ n: 1 }, INTERRUPTED]);
});

test('an answer that is no stream and breaks off is 502: nothing of it had reached the caller', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"choices":[', () => response.destroy());
  });
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code: 'upstream_reset' } });
  expect(upstream.received).toHaveLength(2);
});

test('a long answer that is no stream and breaks off never looks complete', async () => {
  await using edge = await startHttpEdge();
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(`{"data":"${'x'.repeat(400_000)}`, () => setTimeout(() => response.destroy(), 100));
  });
  const answer = await edge.ask('/v1/embeddings', { json: chat() });
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow();
});

test('a caller that does not read holds the instance back, and loses nothing', async () => {
  const total = 64 * 1024 * 1024;
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  await using edge = await startHttpEdge();
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const writeOn = () => {
      while (written < total) {
        written += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', writeOn);
      }
      response.end();
    };
    writeOn();
  });
  const answer = await edge.ask('/v1/chat/completions', { json: chat() });
  await untilStill(() => written);
  expect(written).toBeLessThan(total / 2);
  expect((await answer.arrayBuffer()).byteLength).toBe(total);
});

test('the load of a broken stream is taken off the session', async () => {
  await using edge = await startHttpEdge();
  await using broken = await serveRaw(
    edge,
    (response) => {
      response.writeHead(200, SSE);
      response.write('data: {"n":1}\n\n', () => response.destroy());
    },
    { session: 'a' },
  );
  await using other = await serveRaw(edge, (response) => response.end('{}'), { session: 'b' });
  for (const _ of [1, 2]) await (await stream(edge)).text();
  expect([broken.received.length, other.received.length]).toEqual([2, 0]);
});

test('closing the server lets a stream finish, ends right after it, and takes no new request', async () => {
  await using edge = await startHttpEdge({ drainMs: 300_000 });
  await using _vllm = await serveFakeVllm(edge, { tokenDelayMs: 10 });
  const answer = await stream(edge, { max_tokens: 40, min_tokens: 40, ignore_eos: true });
  const closing = edge.close();
  expect((await eventsOf(answer)).at(-1)).toBe('[DONE]');
  await closing;
  await expect(fetch(`${edge.url}/healthz`)).rejects.toThrow();
});

test('closing the server does not wait for a connection that was opened ahead of need', async () => {
  await using edge = await startHttpEdge({ drainMs: 300_000 });
  const { port, hostname } = new URL(edge.url);
  const spare = connect(Number(port), hostname);
  await once(spare, 'connect');
  await edge.ask('/healthz');
  await Promise.all([once(spare, 'close'), edge.close()]);
});

test('closing the server does not wait for ever for a stream without end', async () => {
  await using edge = await startHttpEdge({ drainMs: 200 });
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, SSE);
    response.write('data: {"n":1}\n\n');
  });
  const answer = await stream(edge);
  await readerOf(answer).read();
  await edge.close();
  await expect(fetch(`${edge.url}/healthz`)).rejects.toThrow();
});

/** Waits until a count that was moving has stood still for twenty looks. */
async function untilStill(count: () => number): Promise<void> {
  let last = -1;
  let looks = 0;
  await until(() => {
    looks = count() === last && last > 0 ? looks + 1 : 0;
    last = count();
    return looks >= 20;
  }, 'the instance is held back');
}
