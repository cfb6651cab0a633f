import { expect, test } from 'vitest';
import type { ReapAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { runLeash } from '../cli/run-leash.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** The schedule keeps out of the way: its first run is at the worker's start, the next in an hour. */
const settings = { LEASH_REAP_INTERVAL_MINUTES: '60' };
const OTHER = 'zzzzzzzzzz';

const inAnHour = () => Math.ceil(Date.now() / 1_000) + 3_600;
const anHourAgo = () => Math.floor(Date.now() / 1_000) - 3_600;

async function reap(stack: Stack, body: object): Promise<ReapAnswer> {
  const answer = await stack.api.admin<ReapAnswer>('POST', 'reap', body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

async function isAlive({ books }: Stack, id: number | undefined): Promise<boolean> {
  const { contracts } = await books.read();
  return contracts.find((contract) => contract.id === id)?.destroyed_at === null;
}

test('a terminated session’s instance is shown by a dry run, then destroyed and seen gone; an open one stays', async () => {
  await using stack = await startStack({ settings });
  const { api, books } = stack;
  await api.launched(aLaunch({ session: 'open' }));
  await api.launched(aLaunch({ session: 'dead' }));
  await api.ready('open');
  await api.ready('dead');
  const [orphan] = await books.ours('dead');
  const { client, close } = await connectClient(stack.temporal);
  await client.workflow.getHandle('session/dead').terminate('by an operator').finally(close);

  const seen = await reap(stack, { dry_run: true });
  expect(seen).toMatchObject({ found: 2, dry_run: true, destroyed: [{ instance_id: orphan?.id }] });
  expect(await isAlive(stack, orphan?.id)).toBe(true);

  const done = await reap(stack, {});
  expect(done).toMatchObject({
    found: 2,
    dry_run: false,
    destroyed: [{ instance_id: orphan?.id, label: orphan?.label, why: 'its session has ended' }],
    left: [{ why: 'its open session claims it' }],
  });
  expect(await isAlive(stack, orphan?.id)).toBe(false);
  expect(await api.status('open')).toMatchObject({ state: 'READY' });
  await api.destroyed('open');
});

test('of another owner only what is past its expiry goes, and only when a person names that owner', async () => {
  await using stack = await startStack({ settings });
  const [expired, valid, stranger] = await stack.rentForOthers([
    `leash.${OTHER}.work.abcdefghij.1.x${anHourAgo()}`,
    `leash.${OTHER}.work.abcdefghij.2.x${inAnHour()}`,
    null,
  ]);
  const ours = await reap(stack, {});
  expect(ours).toMatchObject({ found: 0, destroyed: [], expired_of_others: [{ instance_id: expired }] });
  expect(await isAlive(stack, expired)).toBe(true);

  const theirs = await reap(stack, { owner: OTHER });
  expect(theirs).toMatchObject({
    found: 2,
    destroyed: [{ instance_id: expired, why: 'its label has expired' }],
    left: [{ instance_id: valid }],
  });
  expect(await isAlive(stack, expired)).toBe(false);
  expect(await isAlive(stack, valid)).toBe(true);
  expect(await isAlive(stack, stranger)).toBe(true);
});

test('without a worker a reap is refused and leaves nothing to be done later', async () => {
  await using stack = await startStack({ worker: 'none' });
  const answer = await stack.api.admin<{ kind: string }>('POST', 'reap', {});
  expect(answer).toMatchObject({ status: 503, body: { kind: 'no-worker' } });
});

test('an owner id that is none is refused by name', async () => {
  await using stack = await startStack({ worker: 'none' });
  const answer = await stack.api.admin<object>('POST', 'reap', { owner: 'me', dryrun: true });
  expect(answer).toMatchObject({
    status: 400,
    body: { kind: 'invalid', problems: [{ field: 'owner' }, { field: 'dryrun' }] },
  });
});

test('without Temporal every instance of this owner goes by label and key, and nobody else’s', async () => {
  await using stack = await startStack({ worker: 'none' });
  const { owner, environment } = stack;
  const env = { ...environment, TEMPORAL_ADDRESS: '127.0.0.1:1', NO_COLOR: '1' };
  const [one, two, other, stranger] = await stack.rentForOthers([
    `leash.${owner}.work.abcdefghij.1.x${inAnHour()}`,
    `leash.${owner}.work.abcdefghij.2.x${anHourAgo()}`,
    `leash.${OTHER}.work.abcdefghij.1.x${anHourAgo()}`,
    null,
  ]);
  const dry = await runLeash(['reap', '--without-temporal', '--dry-run'], { env });
  expect(dry).toMatchObject({ code: 0, out: expect.stringContaining(`Would destroy 2 instances: `) });
  expect(await isAlive(stack, one)).toBe(true);

  const done = await runLeash(['reap', '--without-temporal'], { env });
  expect(done, done.err).toMatchObject({ code: 0, out: expect.stringContaining('2 destroyed, 0 left') });
  expect(await isAlive(stack, one)).toBe(false);
  expect(await isAlive(stack, two)).toBe(false);
  expect(await isAlive(stack, other)).toBe(true);
  expect(await isAlive(stack, stranger)).toBe(true);
});

test('leash reap shows what became of each instance', async () => {
  await using stack = await startStack({ settings });
  const [expired] = await stack.rentForOthers([`leash.${OTHER}.work.abcdefghij.1.x${anHourAgo()}`]);
  const run = await runLeash(['reap', '--owner', OTHER, '--url', stack.api.url], {
    env: { ADMIN_TOKEN: stack.token, NO_COLOR: '1' },
  });
  expect(run, run.err).toMatchObject({ code: 0, out: expect.stringContaining('1 destroyed, 0 left') });
  expect(run.out).toMatch(new RegExp(`${expired} +destroyed +its label has expired`));
});
