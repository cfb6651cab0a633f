import { expect, test } from 'vitest';
import type { ReapAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** The schedule keeps out of the way: its first run is at the worker's start, the next in an hour. */
const settings = { LEASH_REAP_INTERVAL_MINUTES: '60', LEASH_REAP_MAX: '10' };
const RUN = 'abcdefghij';

const inAnHour = () => Math.ceil(Date.now() / 1_000) + 3_600;
const anHourAgo = () => Math.floor(Date.now() / 1_000) - 3_600;

async function reap(stack: Stack, body: object = {}): Promise<ReapAnswer> {
  const answer = await stack.api.admin<ReapAnswer>('POST', 'reap', body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

/** Calls for instances that the market has had so far. */
async function calls({ market }: Stack, method: string): Promise<number> {
  const answer = await fetch(`${market.url}/_sim/requests`, { signal: AbortSignal.timeout(5_000) });
  const { requests } = (await answer.json()) as { requests: { method: string; path: string }[] };
  return requests.filter((call) => call.method === method && call.path.includes('/instances')).length;
}

async function alive({ books }: Stack, ids: readonly number[]): Promise<number[]> {
  const { contracts } = await books.read();
  const living = new Set(contracts.filter(({ destroyed_at }) => destroyed_at === null).map(({ id }) => id));
  return ids.filter((id) => living.has(id));
}

test('among 140 instances on several pages only what is proven dead goes, and unknown ones up to the ceiling', async () => {
  await using stack = await startStack({ settings, simulator: { machines: 600 } });
  const { api, books, owner } = stack;
  const open = await api.launched(aLaunch({ session: 'open' }));
  await api.ready('open');
  const dead = await stack.rentForOthers(
    Array.from({ length: 70 }, (_, n) => `leash.${owner}.old${n % 7}.${RUN}.${n + 1}.x${anHourAgo()}`),
  );
  const unknown = await stack.rentForOthers(
    Array.from({ length: 25 }, (_, n) => `leash.${owner}.ghost.${RUN}.${n + 1}.x${inAnHour()}`),
  );
  const others = await stack.rentForOthers(
    Array.from({ length: 44 }, (_, n) => {
      const looks = [
        `leash.zzzzzzzzzz.old0.${RUN}.${n + 1}.x${anHourAgo()}`,
        `leash.${owner}x.old0.${RUN}.${n + 1}.x${anHourAgo()}`,
        `xleash.${owner}.old0.${RUN}.${n + 1}.x${anHourAgo()}`,
        null,
      ];
      return looks[n % looks.length] ?? null;
    }),
  );

  await stack.faults({ call: 'list', fault: 'page-fails', skip: 1, times: 2 });
  const first = await reap(stack);
  expect(first).toMatchObject({ found: 96 });
  expect(first.destroyed).toHaveLength(70);
  expect(await alive(stack, dead)).toEqual([]);
  expect(await alive(stack, unknown)).toHaveLength(25);

  // No run of the schedule has seen the unknown ones yet, so a person's only reports them.
  expect((await reap(stack)).destroyed).toEqual([]);
  const { client, close } = await connectClient(stack.temporal);
  await client.schedule.getHandle('reap-orphans').trigger().finally(close);
  await eventually(
    'the schedule’s run has seen them',
    async () => (await reap(stack, { dry_run: true })).destroyed.length === 10,
    30_000,
  );
  expect((await reap(stack)).destroyed).toHaveLength(10);
  expect(await alive(stack, unknown)).toHaveLength(15);

  expect(await alive(stack, others)).toHaveLength(44);
  expect(await api.status('open')).toMatchObject({
    state: 'READY',
    instance_id: (await books.ours('open'))[0]?.id,
  });
  expect(open.session).toBe('open');
  await books.expectStrangersUntouched();
  await api.destroyed('open');
});

test('a list that fails on any page, for ever, destroys nothing', async () => {
  await using stack = await startStack({ settings });
  const dead = await stack.rentForOthers(
    Array.from({ length: 30 }, (_, n) => `leash.${stack.owner}.old.${RUN}.${n + 1}.x${anHourAgo()}`),
  );
  await stack.faults({ call: 'list', fault: 'page-fails', times: 0 });
  const { client, close } = await connectClient(stack.temporal);
  await client.schedule.getHandle('reap-orphans').trigger().finally(close);
  await eventually(
    'the list was asked for again and again',
    async () => (await calls(stack, 'GET')) >= 6,
    60_000,
  );
  expect(await calls(stack, 'DELETE')).toBe(0);
  expect(await alive(stack, dead)).toHaveLength(30);
});

test('a label changed in the console is put back, and stopped instances and volumes that bill are told of', async () => {
  await using stack = await startStack({ settings, worker: 'none' });
  const worker = await stack.workerProcess();
  const { api, books, market } = stack;
  await api.launched(aLaunch({ session: 'open' }));
  await api.ready('open');
  const [contract] = await books.ours('open');
  const [idle = 0] = await stack.rentForOthers(['forgotten']);
  const put = (id: number, body: object) =>
    fetch(`${market.url}/api/v0/instances/${id}/`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${market.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
  expect((await put(contract?.id ?? 0, { label: 'my favourite' })).status).toBe(200);
  expect((await put(idle, { state: 'stopped' })).status).toBe(200);
  const seen = await reap(stack);
  expect(seen.left).toMatchObject([{ instance_id: contract?.id }]);
  expect(seen.idle).toMatchObject([{ kind: 'instance', id: idle, label: 'forgotten' }]);
  expect((await books.ours('open'))[0]).toMatchObject({ id: contract?.id, label: contract?.label });
  const { client, close } = await connectClient(stack.temporal);
  await client.schedule.getHandle('reap-orphans-report').trigger().finally(close);
  await eventually(
    'the day’s report tells of it',
    () => {
      const lines = worker.output().split('\n');
      return lines.some((line) => line.includes('report: goes on billing') && line.includes(String(idle)));
    },
    60_000,
  );
  await books.expectReceiptAgrees(await api.destroyed('open'));
});

test('a reservation stays open while a create of its terminated session may still show up', async () => {
  await using stack = await startStack({
    settings: { ...settings, LEASH_SETTLE_SECONDS: '12', LEASH_REAP_INTERVAL_MINUTES: '0.03' },
  });
  const { api, books } = stack;
  await stack.faults(
    { call: 'create', fault: 'reply-lost-after' },
    { call: 'create', fault: 'listed-late', seconds: 8 },
  );
  await api.launch(aLaunch({ session: 'late' }));
  const [contract] = await eventually('its create was processed', async () => {
    const { contracts } = await books.read();
    const made = contracts.filter(({ label }) => label?.startsWith(stack.labelPrefix('late')));
    return made.length > 0 ? made : null;
  });
  const { client, close } = await connectClient(stack.temporal);
  await client.workflow.getHandle('session/late').terminate('by an operator').finally(close);
  const gone = await books.awaitGone(contract?.id ?? 0, 40_000);
  expect(gone.listed_at ?? 0).toBeGreaterThan(gone.created_at + 5);
  const budget = await eventually(
    'the reservation is settled',
    async () => {
      const { body } = await api.admin<{ reserved_usd: number; spent_usd: number }>('GET', 'budget');
      return body.reserved_usd === 0 ? body : null;
    },
    40_000,
  );
  expect(budget.spent_usd).toBeGreaterThan(0);
});
