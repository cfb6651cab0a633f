import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { statusAnswer } from '../../src/admin/answers.ts';
import { NewsStream } from '../../src/admin/news-stream.ts';
import type { News } from '../../src/client.ts';
import { idleView } from '../../src/domain/session.ts';
import { openEventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const authorization = `Bearer ${TOKEN}`;

/** Sessions whose news the test tells. */
function toldSessions() {
  const listeners = new Set<(news: News) => void>();
  const sessions = scriptedSessions({
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  let sequence = 0;
  return {
    sessions,
    listeners,
    show: (session: string, detail: string) => {
      sequence += 1;
      const view = { ...idleView(session), detail };
      for (const listener of listeners) listener({ id: `x-${sequence}`, session, kind: 'session', view });
    },
    tell: (detail: string) => {
      sequence += 1;
      const news: News = {
        id: `x-${sequence}`,
        session: 'default',
        kind: 'alert',
        alert: 'unhealthy',
        detail,
      };
      for (const listener of listeners) listener(news);
    },
  };
}

test('a client that left is forgotten', async () => {
  const { sessions, listeners, tell } = toldSessions();
  await using edge = await startHttpEdge({ sessions });
  {
    await using stream = await openEventStream(`${edge.url}/api/admin/events`, { authorization });
    await eventually('it is listened to', () => listeners.size === 1);
    tell('first');
    await stream.until(
      'the alert is told',
      ({ event, data }) => event === 'alert' && data.detail === 'first',
    );
  }
  await eventually('nobody listens', () => listeners.size === 0);
});

test('a client that reads nothing is dropped, and costs no memory', async () => {
  const { sessions, listeners, tell } = toldSessions();
  await using edge = await startHttpEdge({ sessions });
  const { hostname, port } = new URL(edge.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET /api/admin/events HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`);
  await eventually('it is listened to', () => listeners.size === 1);
  await eventually('it is dropped', () => {
    for (let told = 0; told < 100; told += 1) tell('x'.repeat(10_000));
    return listeners.size === 0;
  });
  socket.destroy();
});

test('the server’s end ends every stream at once', async () => {
  const { sessions, listeners } = toldSessions();
  const edge = await startHttpEdge({ sessions, drainMs: 60_000 });
  await using stream = await openEventStream(`${edge.url}/api/admin/events`, { authorization });
  await eventually('it is listened to', () => listeners.size === 1);
  await edge.close();
  await eventually('the stream has ended', () => stream.hasEnded());
});

test('more clients than there is room for are told to come back', async () => {
  const { sessions } = toldSessions();
  await using edge = await startHttpEdge({ sessions });
  await using streams = new AsyncDisposableStack();
  for (let client = 0; client < 50; client += 1)
    streams.use(await openEventStream(`${edge.url}/api/admin/events`, { authorization }));
  const refused = await edge.ask('/api/admin/events');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('10');
});

test('who asks for views is told each session as a status answer; who does not, is not', async () => {
  const { sessions, listeners, show, tell } = toldSessions();
  await using edge = await startHttpEdge({ sessions });
  await using plain = await openEventStream(`${edge.url}/api/admin/events`, { authorization });
  await using views = await openEventStream(`${edge.url}/api/admin/events?views=true`, { authorization });
  await eventually('both listen', () => listeners.size === 2);
  show('default', 'of one');
  tell('the end');
  const { data } = await views.until('the view is told', ({ event }) => event === 'session');
  expect(statusAnswer.parse(data)).toMatchObject({ session: 'default', state: 'IDLE', detail: 'of one' });
  await plain.until('what came after is told', ({ event }) => event === 'alert');
  expect(plain.events.map(({ event }) => event)).toEqual(['alert']);
});

test('a wrong query of the stream is told, with what is allowed', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/admin/events?views=maybe');
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ problems: [{ field: 'views', allowed: 'true or false' }] });
});

test('a slow client is shown the newest of each session, in order with the rest, and costs no memory', async () => {
  const stream = new NewsStream((news) => `${news.kind} ${news.session} ${news.id}\n`);
  const view = (session: string, id: string) =>
    stream.tell({ id, session, kind: 'session', view: idleView(session) });
  for (let told = 0; told < 100_000; told += 1) view(`s${told % 200}`, String(told));
  stream.tell({ id: 'a', session: 's0', kind: 'alert', alert: 'unhealthy', detail: '' });
  view('s1', 'last');
  let read = '';
  stream.on('data', (chunk) => {
    read += String(chunk);
  });
  await eventually('it is read', () => read.endsWith('last\n'));
  const lines = read.trim().split('\n');
  expect(lines).toHaveLength(201);
  expect(lines[0]).toBe('session s0 99800');
  expect(lines.slice(-2)).toEqual(['alert s0 a', 'session s1 last']);
});
