import { expect, test } from 'vitest';
import type { HoursAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { runLeash } from '../cli/run-leash.ts';
import { aLaunch, startStack } from '../support/stack.ts';

test('a session is launched when business hours begin and ended when they are over', async () => {
  await using stack = await startStack();
  const { api } = stack;
  const body = {
    id: 'office',
    from: '09:00',
    to: '17:30',
    timezone: 'Europe/Berlin',
    launch: aLaunch({ session: 'desk' }),
  };
  const added = await api.admin<HoursAnswer>('POST', 'schedules', body);
  expect(added, JSON.stringify(added.body)).toMatchObject({
    status: 201,
    body: { id: 'office', session: 'desk', days: 'weekdays', paused: false, last_launch_at: null },
  });
  const next = new Date(added.body.next_launch_at ?? '');
  const inBerlin = new Intl.DateTimeFormat('en-GB', {
    timeZone: 'Europe/Berlin',
    timeStyle: 'short',
  }).format(next);
  expect(inBerlin).toBe('09:00');
  expect((await api.admin('POST', 'schedules', body)).status).toBe(409);

  const { client, close } = await connectClient(stack.temporal);
  await using _ = { [Symbol.asyncDispose]: close };
  await client.schedule.getHandle('hours/office/open').trigger();
  const ready = await api.ready('desk');
  expect(ready.lifetime_until).not.toBeNull();
  await client.schedule.getHandle('hours/office/close').trigger();
  const receipt = await api.ended('desk');
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'requested' });
  await stack.books.expectAllWell(receipt);

  expect((await api.admin('DELETE', 'schedules/office')).status).toBe(200);
  expect(await api.admin('GET', 'schedules')).toMatchObject({ body: { items: [], next: null } });
  expect((await api.admin('DELETE', 'schedules/office')).status).toBe(404);
});

test('hours that make no sense are refused, each by name', async () => {
  await using stack = await startStack({ worker: 'none' });
  const refused = await stack.api.admin('POST', 'schedules', {
    id: 'office',
    from: '9',
    to: '25:00',
    timezone: 'Mars/Olympus',
    launch: { budget_usd: 1_000 },
  });
  expect(refused).toMatchObject({ status: 400, body: { kind: 'invalid' } });
  const fields = (refused.body as { problems: { field: string }[] }).problems.map(({ field }) => field);
  expect(fields).toEqual(expect.arrayContaining(['from', 'to', 'timezone', 'launch.budget_usd']));
});

test('leash schedule adds, lists and removes hours', async () => {
  await using stack = await startStack({ worker: 'none' });
  const env = { ADMIN_TOKEN: stack.token, NO_COLOR: '1' };
  const leash = (...args: string[]) => runLeash(['schedule', ...args, '--url', stack.api.url], { env });
  const added = await leash('add', 'night', '--daily', '22:00-06:00', '--timezone', 'UTC', '--budget', '1');
  expect(added, added.err).toMatchObject({ code: 0, out: expect.stringMatching(/daily 22:00-06:00 UTC/) });
  expect((await leash('list')).out).toMatch(/night +default +daily/);
  expect((await leash('remove', 'night')).code).toBe(0);
  expect((await leash('list')).out).toMatch(/no business hours/);
  expect((await leash('add', 'night')).code).toBe(2);
});
