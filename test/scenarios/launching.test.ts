import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** What a second launch, a repeated one and a late word come to. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());

describe.concurrent('launching again', () => {
  test('the same launch again answers with what is there, and rents nothing', async () => {
    const { api, books } = stack;
    const launch = aLaunch({ session: 'again' });
    const first = await api.launched(launch);
    await api.supervised('again');
    const second = await api.launch(launch);
    expect(second.status).toBe(200);
    expect(second.body).toMatchObject({ created: false, state: 'READY', started_at: first.started_at });
    expect(await books.ours('again')).toHaveLength(1);
    await books.expectAllWell(await api.destroyed('again'));
  });

  test('other parameters are refused while it is open, and named', async () => {
    const { api, books } = stack;
    await api.launched(aLaunch({ session: 'other' }));
    const answer = await api.launch(aLaunch({ session: 'other', keep_alive_minutes: 7, budget_usd: 0.5 }));
    expect(answer.status).toBe(409);
    expect(answer.body.kind).toBe('conflict');
    expect(answer.body.problems).toHaveLength(2);
    expect(answer.body.problems).toContainEqual(expect.objectContaining({ field: 'budget_usd', given: 0.5 }));
    // In the units of the API, not in our own.
    const { keep_alive_minutes: minutes } = aLaunch({ session: 'other' });
    expect(answer.body.problems).toContainEqual({
      field: 'keep_alive_minutes',
      given: 7,
      allowed: `${minutes}, as it was launched`,
    });
    await api.supervised('other');
    await books.expectAllWell(await api.destroyed('other'));
  });

  test('a launch while it is being destroyed is told to wait, and works once it is gone', async () => {
    const { api, books } = stack;
    await api.launched(aLaunch({ session: 'ending' }));
    await api.supervised('ending');
    await stack.faults({
      call: 'destroy',
      label_prefix: stack.labelPrefix('ending'),
      fault: 'destroy-lingers',
      seconds: 3,
    });
    expect((await api.destroy('ending')).status).toBe(202);
    const answer = await api.launch(aLaunch({ session: 'ending' }));
    expect(answer.status).toBe(409);
    expect(answer.body.kind).toBe('destroying');
    const receipt = await api.ended('ending');
    await books.expectAllWell(receipt);
    const relaunched = await api.launched(aLaunch({ session: 'ending' }));
    expect(relaunched.created).toBe(true);
    await api.supervised('ending');
    const next = await api.destroyed('ending');
    expect(next.run).not.toBe(receipt.run);
    await books.expectAllWell(next);
  });

  test('a launch repeated with its idempotency key is one launch', async () => {
    const { api, books } = stack;
    const launch = aLaunch({ session: 'keyed' });
    const headers = { 'idempotency-key': 'order-7' };
    const answers = await Promise.all([api.launch(launch, { headers }), api.launch(launch, { headers })]);
    for (const { status } of answers) expect([200, 202]).toContain(status);
    const runs = new Set(answers.map(({ body }) => body.started_at));
    expect(runs.size).toBe(1);
    await api.supervised('keyed');
    expect(await books.ours('keyed')).toHaveLength(1);
    await books.expectAllWell(await api.destroyed('keyed'));
  });

  test('an extension repeated with its idempotency key adds its minutes once', async () => {
    const { api, books } = stack;
    await api.launched(aLaunch({ session: 'extended' }));
    await api.supervised('extended');
    const headers = { 'idempotency-key': 'extension-1' };
    const first = await api.extend('extended', 10, { headers });
    const second = await api.extend('extended', 10, { headers });
    expect(first.status).toBe(200);
    expect(second.body.keep_alive_until).toBe(first.body.keep_alive_until);
    const receipt = await api.destroyed('extended');
    await books.expectAllWell(receipt);
  });

  test('a session that is destroyed before it is READY is given back, create and all', async () => {
    const { api, books } = stack;
    await stack.faults({
      call: 'create',
      label_prefix: stack.labelPrefix('hasty'),
      fault: 'slow-reply',
      seconds: 2,
    });
    await api.launched(aLaunch({ session: 'hasty' }));
    await api.until('hasty', 'is LAUNCHING', ({ state }) => state === 'LAUNCHING');
    const receipt = await api.destroyed('hasty');
    expect(receipt).toMatchObject({ outcome: 'completed', reason: 'requested', ready_at: null });
    await books.expectAllWell(receipt, { trafficShare: 1 });
  });
});
