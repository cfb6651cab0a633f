import { expect, test } from 'vitest';
import type { BudgetAnswer } from '../../src/admin/answers.ts';
import { parseLabel } from '../../src/domain/label.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { AUDIT_SCHEDULE_ID } from '../../src/workflows/ids.ts';
import type { ReapReport } from '../../src/workflows/reap-orphans.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';
import { aServerOfItsOwn } from './own-temporal.ts';

const REAP_MINUTES = 0.2;
const KEEP_ALIVE_MINUTES = 0.15;
/** After its keep-alive a session that nobody supervises is ended by its own clock: two heartbeat time-outs later. */
const CLOCK_MS = KEEP_ALIVE_MINUTES * 60_000 + 10_000;
/** Found over so much later, nothing of ours can have run meanwhile. */
const LATE_MS = 6_000;
/** Requests that name no model are answered by it. */
const KEPT = 'default';
const settings = {
  LEASH_REAP_INTERVAL_MINUTES: String(REAP_MINUTES),
  LEASH_AUDIT_INTERVAL_MINUTES: '60',
  LEASH_BILLING_TAIL_SECONDS: '1',
  LEASH_SLICE_MINUTES: '0.1',
};

test('after a restore what is in use stays, what was forgotten is found, and nothing is spent twice', {
  timeout: 240_000,
}, async () => {
  await using temporal = await aServerOfItsOwn();
  await using stack = await startStack({ settings, temporalAddress: temporal.address });
  const { api, books } = stack;
  await api.launched(aLaunch({ session: KEPT, keep_alive_minutes: KEEP_ALIVE_MINUTES }));
  await api.launched(aLaunch({ session: 'ended', replace: true }));
  const kept = await api.ready(KEPT);
  const users = keepUsing(stack);
  await api.ready('ended');
  await stack.stopWorker();
  await api.launched(aLaunch({ session: 'early' }));

  // The backup: one session serves, one is about to end, one has not begun.
  await temporal.backUp();
  await stack.startWorker();
  const backedUpAtMs = Date.now();
  await api.ready('early');
  await api.launched(aLaunch({ session: 'unknown' }));
  await api.launched(aLaunch({ session: 'spent' }));
  const unknown = await api.ready('unknown');
  await api.ready('spent');
  await books.expectAllWell(await api.destroyed('spent'));
  await api.destroyed('ended');
  await eventually(
    'the session in use is long over by what the backup knows',
    () => Date.now() > backedUpAtMs + CLOCK_MS + LATE_MS,
    60_000,
  );
  const [first] = await books.ours('early');
  await stack.stopWorker();

  const sinceMs = Date.now();
  await temporal.restore();
  const restoredAtMs = Date.now();
  await stack.startWorker();

  // Money first: what the ledger forgot is back before it promises any.
  await api.until('early', 'goes on', ({ attempts }) => attempts.length > 0);
  const { spent_usd: spentUsd } = await budgetOf(stack);
  const [spent] = await books.ours('spent');
  expect(spentUsd).toBeGreaterThanOrEqual((spent?.usd.total ?? 0) * 0.99);

  // The one that serves is untouched.
  expect(await api.supervised(KEPT)).toMatchObject({ instance_id: kept.instance_id });

  // The one that had ended says so, and rents nothing for its replacement.
  const ended = await api.ended('ended');
  expect(ended).toMatchObject({ outcome: 'lost', reason: expect.stringContaining('had ended') });
  expect(await books.ours('ended')).toHaveLength(1);

  // The one that had not begun has begun before: it gives that back, counts it, and goes on with the next number.
  const early = await api.ready('early');
  expect(early.attempts).toMatchObject([
    { attempt: 1, instance_id: first?.id, failure: { kind: 'made-before' } },
    { attempt: 2 },
  ]);
  expect(early.budget.spent_usd).toBeGreaterThanOrEqual((await books.ours('early'))[0]?.usd.gpu ?? 0);
  const labels = (await books.ours()).map(({ label }) => label);
  expect(new Set(labels.map(attemptOf)).size).toBe(labels.length);

  // The one that this Temporal has never known is seen twice, and goes.
  const unknownId = unknown.instance_id ?? 0;
  const gone = await books.awaitGone(unknownId, 60_000);
  expect((gone.destroy_requested_at ?? 0) * 1_000 - restoredAtMs).toBeGreaterThan(
    REAP_MINUTES * 60_000 * 0.8,
  );
  expect(await reportsOf(stack, { sinceMs, instanceId: unknownId })).toContain(
    'its session is unknown; destroyed if the next run sees it so too',
  );
  expect(await api.status(KEPT)).toMatchObject({ state: 'READY', instance_id: kept.instance_id });

  // All over: the ledger says what the provider charged.
  await users.stop();
  await api.destroyed(KEPT);
  await books.expectAllWell(await api.destroyed('early'));
  await books.expectNoneAlive();
  await audit(stack);
  const charged = (await books.ours()).reduce((sum, { usd }) => sum + usd.total, 0);
  const after = await budgetOf(stack);
  expect(after.reserved_usd).toBe(0);
  expect(after.spent_usd).toBeGreaterThanOrEqual(charged * 0.99);
  // What had ended was metered until it was seen gone; its charges correct that a day later.
  const [overMetered] = ended.instances;
  expect(after.spent_usd).toBeLessThanOrEqual(charged * 1.02 + (overMetered?.usd.total ?? 0));
});

test('a worker that cannot read what was charged promises no new money, and goes on with what runs', async () => {
  await using stack = await startStack({ settings });
  const { api, market } = stack;
  await api.launched(aLaunch({ session: 'runs' }));
  await api.ready('runs');
  await stack.stopWorker();
  await stack.faults({ call: 'charges', fault: 'server-error', times: 0 });
  const stoppedAt = new Date().toISOString();
  await stack.startWorker();
  expect((await api.launch(aLaunch({ session: 'waits' }))).body).toMatchObject({ accepted: null });
  await api.until('runs', 'is looked at', ({ health }) => (health.last_ok_at ?? '') > stoppedAt);
  expect(await api.status('waits')).toMatchObject({ accepted: null, attempts: [] });
  await fetch(`${market.url}/_sim/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clear: true }),
    signal: AbortSignal.timeout(5_000),
  });
  await api.ready('waits');
  for (const session of ['waits', 'runs']) await api.destroyed(session);
});

/** One short completion after the other, as its users go on asking. */
function keepUsing({ api }: Stack): { stop(): Promise<void> } {
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      await api.chat().catch(() => undefined);
      await eventually('a moment has passed', () => isOver, { withinMs: 700, everyMs: 100 }).catch(
        () => undefined,
      );
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await asking;
    },
  };
}

async function budgetOf({ api }: Stack): Promise<BudgetAnswer> {
  return (await api.admin<BudgetAnswer>('GET', 'budget')).body;
}

function attemptOf(label: string | null): string {
  const parsed = parseLabel(label);
  return `${parsed?.session} ${parsed?.run} ${parsed?.attempt}`;
}

/** Why each finished run of the reaper left or destroyed this instance. */
async function reportsOf(
  stack: Stack,
  of: { readonly sinceMs: number; readonly instanceId: number },
): Promise<string[]> {
  const { client, close } = await connectClient(stack.temporal);
  try {
    const query = `WorkflowType = 'reapOrphans' AND ExecutionStatus = 'Completed' AND CloseTime > '${new Date(of.sinceMs).toISOString()}'`;
    const whys: string[] = [];
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      const report: ReapReport = await client.workflow.getHandle(workflowId, runId).result();
      const seen = [...report.left, ...report.destroyed];
      whys.push(...seen.filter(({ instanceId }) => instanceId === of.instanceId).map(({ why }) => why));
    }
    return whys;
  } finally {
    await close();
  }
}

async function audit(stack: Stack): Promise<void> {
  const { client, close } = await connectClient(stack.temporal);
  try {
    const askedAt = new Date().toISOString();
    await client.schedule.getHandle(AUDIT_SCHEDULE_ID).trigger('BUFFER_ONE');
    const query = `WorkflowType = 'auditBudget' AND ExecutionStatus = 'Completed' AND StartTime > '${askedAt}'`;
    await eventually('the audit has run', async () => (await client.workflow.count(query)).count > 0, 30_000);
  } finally {
    await close();
  }
}
