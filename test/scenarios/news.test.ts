import { expect, test } from 'vitest';
import { statusAnswer } from '../../src/admin/answers.ts';
import { openEventStream } from '../support/event-stream.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const listen = ({ api, token }: Stack, headers: Record<string, string> = {}) =>
  openEventStream(`${api.url}/api/admin/events`, { authorization: `Bearer ${token}`, ...headers });

test('whoever listens is told of states, attempts and cost from launch to the end', async () => {
  await using stack = await startStack();
  const { api } = stack;
  await using stream = await listen(stack);
  expect(stream.status).toBe(200);
  await api.launched(aLaunch());
  await stream.until('READY is told', ({ event, data }) => event === 'state' && data.state === 'READY');
  const { instance_id: instanceId } = await api.status('default');
  await stream.until(
    'the attempt is told',
    ({ event, data }) => event === 'attempt' && data.session === 'default' && data.instance_id === instanceId,
  );
  await stream.until(
    'its cost is told',
    ({ event, data }) => event === 'cost' && data.session === 'default' && Number(data.spent_usd) > 0,
  );
  await stream.until(
    'what all sessions hold is told',
    ({ event, data }) => event === 'cost' && data.session === null && data.reserved_usd === 1,
  );
  await api.destroyed('default');
  await stream.until(
    'its end is told',
    ({ event, data }) => event === 'state' && data.state === 'IDLE' && data.outcome === 'completed',
  );
  expect(new Set(stream.events.map(({ id }) => id)).size).toBe(stream.events.length);
});

test('whoever comes back is told what it missed, and a newcomer what is so', async () => {
  await using stack = await startStack();
  const { api } = stack;
  await using stays = await listen(stack);
  await api.launched(aLaunch());
  const searching = await stays.until('a state is told', ({ event }) => event === 'state');
  const ready = await stays.until('READY is told', ({ data }) => data.state === 'READY');

  await using back = await listen(stack, { 'last-event-id': searching.id });
  const missed = await back.until('READY is told again', ({ id }) => id === ready.id);
  expect(missed).toEqual(ready);
  expect(back.events.map(({ id }) => id)).not.toContain(searching.id);

  await using newcomer = await listen(stack, { 'last-event-id': 'of-another-server' });
  await newcomer.until('READY is told', ({ event, data }) => event === 'state' && data.state === 'READY');
  await api.destroyed('default');
});

test('who asks for views sees the session itself change, from launch to receipt', async () => {
  await using stack = await startStack();
  const { api } = stack;
  await using stream = await openEventStream(`${api.url}/api/admin/events?views=true`, {
    authorization: `Bearer ${stack.token}`,
  });
  await api.launched(aLaunch());
  const ready = await stream.until(
    'it is READY in a view',
    ({ event, data }) => event === 'session' && data.state === 'READY',
  );
  expect(statusAnswer.parse(ready.data)).toMatchObject({
    session: 'default',
    attempts: [{ phase: 'ready' }],
  });
  await using newcomer = await openEventStream(`${api.url}/api/admin/events?views=true`, {
    authorization: `Bearer ${stack.token}`,
  });
  await newcomer.until('it is told at once', ({ event }) => event === 'session', 5_000);
  await api.destroyed('default');
  const ended = await stream.until(
    'its receipt is in a view',
    ({ event, data }) => event === 'session' && data.receipt !== null,
  );
  expect(statusAnswer.parse(ended.data)).toMatchObject({ state: 'IDLE', outcome: 'completed' });
});
