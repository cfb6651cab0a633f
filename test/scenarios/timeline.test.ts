import { expect, test } from 'vitest';
import type { TimelineAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

async function timeline({ api }: Stack, session: string, query = ''): Promise<TimelineAnswer> {
  const answer = await api.admin<TimelineAnswer>('GET', `sessions/${session}/events${query}`);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

test('the timeline tells a session from launch to receipt in order, without a worker', async () => {
  await using stack = await startStack();
  const { api } = stack;
  await api.launched(aLaunch());
  const { instance_id: instanceId } = await api.ready('default');
  expect((await timeline(stack, 'default')).items).toContainEqual(
    expect.objectContaining({ kind: 'pending', title: 'Under way: supervising the instance' }),
  );
  await api.extend('default', 7);
  await api.destroyed('default');
  await stack.stopWorker();

  const { items, next } = await timeline(stack, 'default');
  expect(next).toBeNull();
  const titles = items.map(({ title }) => title);
  const story = [
    /^Launched$/,
    /^Budget reserved$/,
    /^The account has \$\d/,
    /^\d+ of \d+ offers fit$/,
    /^grant attempt 1: /,
    new RegExp(`^Instance ${instanceId} created$`),
    /^BOOTING$/,
    /^The container runs/,
    /^STARTING_VLLM$/,
    /^The model answers$/,
    /^READY$/,
    /^Extension asked for: 7 min$/,
    /^Its end was asked for$/,
    /^DESTROYING$/,
    /^Destroy sent and accepted$/,
    /^The provider shows it gone/,
    /^Ended: completed \(requested\)$/,
  ];
  const places = story.map((wanted) => titles.findIndex((title) => wanted.test(title)));
  expect(places, `${titles.join('\n')}`).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(items.map(({ at }) => at)).toEqual(items.map(({ at }) => at).toSorted());
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  expect(items.find(({ title }) => title.endsWith('created'))?.attempt).toBe(1);
  expect(items.find(({ title }) => title.startsWith('Destroy sent'))?.attempt).toBe(1);

  const first = await timeline(stack, 'default', '?limit=4');
  const second = await timeline(stack, 'default', `?limit=1000&after=${first.next}`);
  expect([...first.items, ...second.items]).toEqual(items);
});

test('a failed attempt stands there with its reason and whose it was', async () => {
  await using stack = await startStack();
  const { api } = stack;
  await stack.faults({ call: 'create', fault: 'no-credit', times: 1 });
  await api.launched(aLaunch());
  await api.ended('default');
  const { items } = await timeline(stack, 'default');
  expect(items).toContainEqual(
    expect.objectContaining({ kind: 'failed', title: 'The market refused the create', attempt: 1 }),
  );
  expect(items.at(-1)).toMatchObject({
    kind: 'ended',
    title: expect.stringMatching(/^Ended: launch-failed/),
  });
});

test('a terminated session’s timeline ends with who gives its instance back', async () => {
  await using stack = await startStack({ worker: 'none' });
  expect((await stack.api.launch(aLaunch())).status).toBe(202);
  const { client, close } = await connectClient(stack.temporal);
  await client.workflow.getHandle('session/default').terminate('by an operator').finally(close);
  const { items } = await timeline(stack, 'default');
  expect(items.at(0)).toMatchObject({ kind: 'launched' });
  expect(items.at(-1)).toMatchObject({ kind: 'ended', detail: 'by an operator' });
  const wrong = await stack.api.admin('GET', 'sessions/default/events?after=elsewhere');
  expect(wrong.status).toBe(400);
  const none = await stack.api.admin('GET', 'sessions/nobody/events');
  expect(none.status).toBe(404);
});
