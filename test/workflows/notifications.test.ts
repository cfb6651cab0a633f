import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failureOf } from '../../src/domain/failure.ts';
import type { Notification } from '../../src/domain/notification.ts';
import type { SessionRequest } from '../../src/domain/session.ts';
import { TASK_QUEUES } from '../../src/workflows/ids.ts';
import { destroyUpdate } from '../../src/workflows/messages.ts';
import type { ReapInput } from '../../src/workflows/reap-orphans.ts';
import { eventually } from '../support/eventually.ts';
import { aChoice, type StandInMarket } from '../support/workflow-market.ts';
import { HOUR, MINUTE, SECOND, Stage, type StagedSession } from '../support/workflow-stage.ts';

let stage: Stage;
let market: StandInMarket;
// Each with a server of its own: this one's clock stands still once a child has outlived its parent.
beforeEach(async () => {
  stage = await Stage.open();
  market = await stage.freshMarket();
});
afterEach(() => stage.close());

function launch(request: Partial<SessionRequest> = {}, policy = {}): Promise<StagedSession> {
  return stage.launch(request, { notify: ['webhook'], ...policy });
}

/** What the webhook got of one session, in the order it came. */
function toldOf(session: StagedSession): Notification[] {
  return market
    .callsOf('postToWebhook')
    .map(({ order }) => order as Notification)
    .filter(({ session: name }) => name === session.input.session);
}

/** Deliveries go on after their session; they are waited for, and none may be there beyond them. */
async function toldInTheEnd(session: StagedSession, kinds: string[]): Promise<Notification[]> {
  await eventually(
    () =>
      `${kinds.join(', ')} were told; told were ${toldOf(session)
        .map(({ kind }) => kind)
        .join(', ')}`,
    () => toldOf(session).length >= kinds.length,
  );
  const told = toldOf(session).toSorted((a, b) => a.atMs - b.atMs);
  expect(told.map(({ kind }) => kind).toSorted()).toEqual(kinds.toSorted());
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
  return told;
}

function one(told: readonly Notification[], kind: Notification['kind']): Notification {
  const found = told.find((each) => each.kind === kind);
  if (found === undefined) throw new Error(`${kind} was not told`);
  return found;
}

/** Somebody uses the model every ten minutes, for longer than any session lasts. */
async function useAllTheTime(hours = 30): Promise<void> {
  const nowMs = await stage.now();
  market.uses = Array.from({ length: hours * 6 }, (_, nth) => nowMs + nth * 10 * MINUTE);
}

test('where nobody is to be told, a session’s history is as it was without notifications', async () => {
  await useAllTheTime();
  const session = await stage.launch({ budgetUsd: 1 });
  await session.ended();
  const events = await session.events();
  expect(events.filter((event) => event.startChildWorkflowExecutionInitiatedEventAttributes)).toEqual([]);
  expect(JSON.stringify(events)).not.toContain(Buffer.from('"notifications"').toString('base64'));
  expect(market.callsOf('postToWebhook')).toEqual([]);
});

test('a session tells when it is READY and when it is gone, with machine and cost', async () => {
  const session = await launch();
  const { readyAtMs } = await session.reach('READY');
  const receipt = await session.ended();
  const [ready, destroyed] = await toldInTheEnd(session, ['ready', 'destroyed']);
  const { run } = session.input;
  expect(ready).toMatchObject({
    id: `${session.input.session}.${run}.ready.1`,
    atMs: readyAtMs,
    run,
    severity: 'info',
    data: { machine_id: 501, usd_per_hour: 0.4, instance_id: market.contracts[0]?.instanceId },
  });
  expect(ready?.text).toContain('RTX 4090 (machine 501) for $0.40/h');
  expect(destroyed).toMatchObject({
    id: `${session.input.session}.${run}.destroyed`,
    severity: 'info',
    data: { outcome: 'completed', cost_usd: Math.round(receipt.usd.total * 1e6) / 1e6 },
  });
  expect(destroyed?.text).toContain('nobody used it any more');
});

test('a launch that fails tells why, attempt by attempt, as soon as nothing more is tried', async () => {
  market.offers = [aChoice(), aChoice({ offerId: 7002, machineId: 502 })];
  market.fate(7001, { bootFailure: 'cdi-error' });
  market.fate(7002, { bootFailure: 'driver-too-old', lingersMs: 90 * SECOND });
  const session = await launch();
  const receipt = await session.ended();
  const told = await toldInTheEnd(session, ['launch-failed', 'destroyed']);
  const failed = one(told, 'launch-failed');
  expect(failed.severity).toBe('warning');
  expect(failed.text).toContain(
    '1. RTX 4090, machine 501, $0.40/h: The host cannot give its GPU to a container (CDI).\n',
  );
  expect(failed.text).toContain(
    "2. RTX 4090, machine 502, $0.40/h: The host's driver is too old for the image.\n",
  );
  expect(failed.text).toContain('gives back what it had rented');
  expect(failed.atMs).toBeLessThan(receipt.endedAtMs - 5 * SECOND);
});

test('a launch that is refused is told of too, and is no session that was destroyed', async () => {
  market.account = { kind: 'no-credit', creditUsd: 0 };
  const session = await launch();
  await session.ended();
  const [failed] = await toldInTheEnd(session, ['launch-failed']);
  expect(failed?.text).toContain('Add credit, then launch again.');
  expect(failed?.text).toContain('Nothing of it is rented.');
});

test('a budget is told of at the minute at which half, four fifths and all of it are spent', async () => {
  await useAllTheTime();
  const session = await launch({ budgetUsd: 2 });
  const receipt = await session.ended();
  expect(receipt.outcome).toBe('over-budget');
  const told = await toldInTheEnd(session, [
    ...['ready', 'budget-50', 'budget-80', 'projected-breach', 'budget-100', 'destroyed'],
  ]);
  // $2 at $0.40/h last five hours from where the container runs; the first minute is storage alone.
  const runsAtMs = (market.contracts[0]?.createdAtMs ?? 0) + MINUTE;
  const minutesAfter = (kind: Notification['kind']) => (one(told, kind).atMs - runsAtMs) / MINUTE;
  expect(minutesAfter('budget-50')).toBeGreaterThanOrEqual(149);
  expect(minutesAfter('budget-50')).toBeLessThan(151);
  expect(minutesAfter('budget-80')).toBeGreaterThanOrEqual(239);
  expect(minutesAfter('budget-80')).toBeLessThan(241);
  // Six minutes of it are kept back for teardown.
  expect(minutesAfter('budget-100')).toBeGreaterThanOrEqual(292);
  expect(minutesAfter('budget-100')).toBeLessThan(295);
  expect(one(told, 'budget-50').data.spent_usd).toBeCloseTo(1, 2);
  expect(one(told, 'budget-80').severity).toBe('warning');
  expect(one(told, 'budget-100').severity).toBe('critical');
});

test('that the budget will end a session in use is told once, when its use makes it so', async () => {
  await useAllTheTime();
  const session = await launch({ budgetUsd: 2 });
  const { lifetimeUntilMs } = await session.reach('READY');
  const receipt = await session.ended();
  const told = await toldInTheEnd(session, [
    ...['ready', 'budget-50', 'budget-80', 'projected-breach', 'budget-100', 'destroyed'],
  ]);
  const breach = one(told, 'projected-breach');
  const endsAtMs = Date.parse(String(breach.data.ends_by));
  expect(Math.abs(endsAtMs - receipt.endedAtMs)).toBeLessThan(2 * MINUTE);
  // Kept for 45 minutes after each use: the first use within the last 45 minutes of its budget.
  expect(endsAtMs - breach.atMs).toBeGreaterThan(33 * MINUTE);
  expect(endsAtMs - breach.atMs).toBeLessThanOrEqual(45 * MINUTE);
  expect(Date.parse(String(breach.data.kept_until))).toBeGreaterThan(endsAtMs);
  expect(lifetimeUntilMs ?? 0).toBeGreaterThan(endsAtMs);
});

test('a session that ends idle within its budget projects no breach', async () => {
  const session = await launch({ budgetUsd: 1 });
  const receipt = await session.ended();
  expect(receipt.reason).toBe('idle');
  await toldInTheEnd(session, ['ready', 'destroyed']);
});

test('a price that rises in the middle brings the next threshold nearer, and it is told then', async () => {
  await useAllTheTime();
  market.events = [{ offerId: 7001, afterMs: HOUR, kind: { usdPerHour: 0.8 } }];
  const session = await launch({ budgetUsd: 2 });
  await session.ended();
  const half = one(toldOf(session), 'budget-50');
  // A rise counts from the reading before it, which was at READY: $1 at $0.80/h is 75 minutes.
  const minutes = (half.atMs - (market.contracts[0]?.createdAtMs ?? 0)) / MINUTE;
  expect(minutes).toBeGreaterThan(75);
  expect(minutes).toBeLessThan(79);
});

test.each([
  [true, 'is lost', 'rents another with the $'],
  [false, 'is lost', 'which was launched without replace'],
])(
  'with replace %s, a READY instance that %s is told of, and what comes next',
  async (replace, _how, says) => {
    market.offers = [aChoice(), aChoice({ offerId: 7002, machineId: 502 })];
    market.events = [{ offerId: 7001, afterMs: 30 * MINUTE, kind: 'lost' }];
    const session = await launch({ replace });
    await session.ended();
    const kinds = ['ready', 'breaker', ...(replace ? ['ready'] : []), 'destroyed'];
    const told = await toldInTheEnd(session, kinds);
    const breaker = one(told, 'breaker');
    expect(breaker.text).toContain(failureOf('vanished').message.replace(/\.$/, ''));
    expect(breaker.text).toContain(says);
    expect(breaker.data).toMatchObject({ machine_id: 501, replaced: replace ? 'yes' : 'no' });
    const readies = told.filter(({ kind }) => kind === 'ready').map(({ data }) => data.machine_id);
    expect(readies).toEqual(replace ? [501, 502] : [501]);
  },
);

test('an instance that is still shown two minutes after its DELETE is told of, and again when it is gone', async () => {
  market.fate(7001, { lingersMs: 9 * MINUTE });
  const session = await launch();
  await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await session.ended();
  const told = await toldInTheEnd(session, [
    ...['ready', 'teardown-unconfirmed', 'teardown-unconfirmed', 'destroyed'],
  ]);
  const [first, last] = told.filter(({ kind }) => kind === 'teardown-unconfirmed');
  const deletedAtMs = market.contracts[0]?.deletesAtMs[0] ?? 0;
  expect(first?.severity).toBe('critical');
  expect((first?.atMs ?? 0) - deletedAtMs).toBeGreaterThanOrEqual(2 * MINUTE - SECOND);
  expect((first?.atMs ?? 0) - deletedAtMs).toBeLessThan(2 * MINUTE + 30 * SECOND);
  expect(first?.text).toContain('may go on billing');
  expect(last).toMatchObject({ severity: 'info', id: `${first?.id}.gone` });
  expect((last?.atMs ?? 0) - deletedAtMs).toBeGreaterThanOrEqual(9 * MINUTE);
});

test('a DELETE that is refused for hours is told of after two minutes', async () => {
  market.fate(7001, { refusesDeletesMs: 3 * HOUR });
  const session = await launch();
  await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await stage.pass(5 * MINUTE);
  await toldInTheEnd(session, ['ready', 'teardown-unconfirmed']);
  await session.ended();
  await toldInTheEnd(session, ['ready', 'teardown-unconfirmed', 'teardown-unconfirmed', 'destroyed']);
});

test('deliveries that nobody takes up hold no session open', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  market.gates.set('postToWebhook', promise);
  const session = await launch();
  await session.reach('READY');
  resolve();
  market.gates.clear();
  market.bugs.set('postToWebhook', () => new Error('it answered 500'));
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  expect((await session.ended()).outcome).toBe('completed');
});

test('a healthy day with notifications, used from launch to teardown, stays below 250 events of history', async () => {
  await useAllTheTime();
  const session = await launch({ budgetUsd: 50 });
  await session.ended();
  await toldInTheEnd(session, ['ready', 'destroyed']);
  expect((await session.events()).length).toBeLessThanOrEqual(250);
});

test('a day on which everything is told of costs nine events for each, and a few for its clock', async () => {
  await useAllTheTime();
  const session = await launch({ budgetUsd: 9 });
  await session.ended();
  await toldInTheEnd(session, [
    ...['ready', 'budget-50', 'budget-80', 'projected-breach', 'budget-100', 'destroyed'],
  ]);
  expect((await session.events()).length).toBeLessThanOrEqual(300);
});

test('an orphan is told of once, by whichever run of the reaper finds it', async () => {
  const label = `leash.a1b2c3d4e5.gone.abcdefghij.1.x${Math.floor(Date.now() / 1_000) + 900_000_000}`;
  market.fate(7001, { lingersMs: HOUR });
  market.rent({ label, offerId: 7001 }, await stage.now());
  market.sessions = { gone: { kind: 'closed', run: 'abcdefghij', wroteReceipt: false } };
  const instanceId = market.contracts[0]?.instanceId ?? 0;
  const input: ReapInput = {
    owner: 'a1b2c3d4e5',
    unknownMax: 10,
    settleMs: 60_000,
    absenceGapMs: 5_000,
    suspectMs: 240_000,
    notify: ['webhook'],
  };
  const reap = (order: ReapInput) =>
    stage.environment.client.workflow.execute('reapOrphans', {
      workflowId: `reap-${randomUUID()}`,
      taskQueue: TASK_QUEUES.sessions,
      args: [order],
    });
  await reap({ ...input, dryRun: true });
  expect(market.callsOf('postToWebhook')).toEqual([]);
  await reap(input);
  await reap(input);
  await eventually('the orphan is told of', () => market.callsOf('postToWebhook').length > 0);
  const told = market.callsOf('postToWebhook').map(({ order }) => order as Notification);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    id: `orphan.${instanceId}`,
    kind: 'orphan-reaped',
    session: 'gone',
    severity: 'warning',
  });
  expect(told[0]?.text).toContain('its session has ended');
});
