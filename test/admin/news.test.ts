import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { News } from '../../src/client.ts';
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
