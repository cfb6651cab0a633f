import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { UntoldAlert } from '../../src/domain/budget-outlook.ts';
import { emptyLedger, type LedgerState, reservationKey } from '../../src/domain/ledger.ts';
import type { Delivery, Notification, NotificationTarget } from '../../src/domain/notification.ts';
import { testNotice } from '../../src/domain/notification-of-installation.ts';
import type { deliverNotification } from '../../src/workflows/deliver-notification.ts';
import { notificationWorkflowId, TASK_QUEUES } from '../../src/workflows/ids.ts';
import {
  configureUpdate,
  grantUpdate,
  ledgerQuery,
  rebuildUpdate,
  reserveUpdate,
  spendGrantUpdate,
} from '../../src/workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import type { StandInMarket } from '../support/workflow-market.ts';
import { HOUR, MINUTE, Stage } from '../support/workflow-stage.ts';

let stage: Stage;
let market: StandInMarket;
// Each with a server of its own: this one's clock stands still once a child has outlived its parent.
beforeEach(async () => {
  stage = await Stage.open();
  market = await stage.freshMarket();
});
afterEach(() => stage.close());

async function aNotification(set: Partial<Notification> = {}): Promise<Notification> {
  return { ...testNotice(randomUUID(), await stage.now()), kind: 'ready', ...set };
}

async function deliver(
  notification: Notification,
  targets: readonly NotificationTarget[] = ['webhook'],
): Promise<readonly Delivery[]> {
  return (await begin(notification, targets)).result();
}

function begin(notification: Notification, targets: readonly NotificationTarget[] = ['webhook']) {
  return stage.environment.client.workflow.start<typeof deliverNotification>('deliverNotification', {
    workflowId: notificationWorkflowId(notification.id),
    taskQueue: TASK_QUEUES.sessions,
    args: [{ notification, targets }],
  });
}

const told = () => market.callsOf('postToWebhook').map(({ order }) => order as Notification);

test('what is not taken is tried again after 1, 2, 4 … seconds, at most 15 minutes apart, until it is', async () => {
  market.bugs.set('postToWebhook', () => new Error('it answered 500'));
  const notification = await aNotification();
  const delivery = await begin(notification);
  await eventually('it is tried', () => market.callsOf('postToWebhook').length > 0);
  await stage.pass(2 * HOUR);
  market.bugs.clear();
  expect(await delivery.result()).toEqual([{ target: 'webhook', state: 'delivered', detail: '200' }]);
  const calls = market.callsOf('postToWebhook');
  const pauses = calls.slice(1).map(({ atMs }, at) => Math.round((atMs - (calls[at]?.atMs ?? 0)) / 1_000));
  expect(pauses.slice(0, 9)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256]);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(15 * 60 + 1);
  expect(new Set(calls.map(({ order }) => JSON.stringify(order))).size).toBe(1);
});

test('what is not taken for a day is given up, and the last reason is told', async () => {
  market.bugs.set('postToWebhook', () => new Error('it answered 503'));
  const beganAtMs = await stage.now();
  expect(await deliver(await aNotification())).toMatchObject([
    {
      target: 'webhook',
      state: 'failed',
      detail: expect.stringMatching(/^given up after a day.*it answered 503/),
    },
  ]);
  const lastAtMs = market.calls.at(-1)?.atMs ?? 0;
  expect(lastAtMs - beganAtMs).toBeGreaterThan(23 * HOUR);
  expect(lastAtMs - beganAtMs).toBeLessThanOrEqual(24 * HOUR);
});

test('what is refused for good is tried once', async () => {
  market.bugs.set('postToWebhook', () =>
    ApplicationFailure.create({ type: 'refused', message: 'it answered 410', nonRetryable: true }),
  );
  expect(await deliver(await aNotification())).toEqual([
    { target: 'webhook', state: 'failed', detail: 'refused: it answered 410' },
  ]);
  expect(market.callsOf('postToWebhook')).toHaveLength(1);
});

test('a target that refuses keeps nothing from the other', async () => {
  market.bugs.set('postToWebhook', () => new Error('it answered 500'));
  const notification = await aNotification();
  const delivery = await begin(notification, ['webhook', 'slack']);
  await eventually('Slack has it', () => market.callsOf('postToSlack').length === 1);
  market.bugs.clear();
  expect(await delivery.result()).toMatchObject([
    { target: 'webhook', state: 'delivered' },
    { target: 'slack', state: 'delivered' },
  ]);
  expect(market.callsOf('postToSlack')).toHaveLength(1);
});

test('a test that does not arrive within a minute has failed', async () => {
  market.bugs.set('postToWebhook', () => new Error('it answered 500'));
  const beganAtMs = await stage.now();
  const [delivery] = await deliver(await aNotification({ kind: 'test' }));
  expect(delivery).toMatchObject({ state: 'failed', detail: expect.stringContaining('given up after 60 s') });
  expect((await stage.now()) - beganAtMs).toBeLessThan(2 * MINUTE);
});

const OWNER = 'a1b2c3d4e5';

async function openLedger(input: { carried?: LedgerState } = {}) {
  return stage.environment.client.workflow.start('budgetLedger', {
    workflowId: `ledger/${randomUUID()}`,
    taskQueue: TASK_QUEUES.sessions,
    args: [{ owner: OWNER, ...input }],
  });
}

/** A session that burns a dollar an hour of a limit of $10, from now on. */
async function burnOne(notify: readonly NotificationTarget[] | undefined) {
  const ledger = await openLedger();
  const settings = { limitUsd: 10, period: 'none', ...(notify && { notify }) };
  await ledger.executeUpdate(configureUpdate, { args: [settings] });
  const nothing = { spentUsd: 0, open: [], settled: {}, sinceMs: 0 };
  await ledger.executeUpdate(rebuildUpdate, { args: [nothing] });
  const key = reservationKey({ owner: OWNER, session: 'one', run: 'abcdefghij' });
  await ledger.executeUpdate(reserveUpdate, { args: [{ key, session: 'one', capUsd: 10 }] });
  const attempt = { key, attempt: 1 };
  await ledger.executeUpdate(grantUpdate, { args: [{ ...attempt, machineId: 501, usdPerHour: 1 }] });
  await ledger.executeUpdate(spendGrantUpdate, { args: [attempt] });
  return ledger;
}

test('the budget of all sessions is told of at the minute at which it is so far spent, and once', async () => {
  const beganAtMs = await stage.now();
  const ledger = await burnOne(['webhook']);
  await stage.pass(11 * HOUR);
  await eventually('all three are told', () => told().length >= 3);
  expect(told().map(({ kind }) => kind)).toEqual(['budget-50', 'budget-80', 'budget-100']);
  const minutes = told().map(({ atMs }) => Math.round((atMs - beganAtMs) / MINUTE));
  expect(minutes).toEqual([300, 480, 600]);
  const [half] = told();
  const day = new Date(beganAtMs).toISOString().slice(0, 10);
  expect(half).toMatchObject({ id: `period-${day}.budget-50.of-10`, session: null, severity: 'info' });
  expect(half?.text).toContain('$5.00 of $10.00');
  const { alerts, alertsFired } = await ledger.query(ledgerQuery);
  expect(alerts.map(({ percent }) => percent)).toEqual([50, 80, 100]);
  expect(alertsFired).toBe(3);
});

test('a ledger that tells nobody waits on no clock', async () => {
  const ledger = await burnOne(undefined);
  await stage.pass(11 * HOUR);
  const { events = [] } = await ledger.fetchHistory();
  expect(events?.filter(({ timerStartedEventAttributes }) => timerStartedEventAttributes)).toEqual([]);
  expect(told()).toEqual([]);
});

test('an alert that a ledger had not told when it continued as new is told by its next run, once', async () => {
  const nowMs = await stage.now();
  const alert: UntoldAlert = {
    percent: 80,
    atMs: nowMs,
    spentUsd: 8,
    limitUsd: 10,
    burnUsdPerHour: 0,
    periodStartMs: nowMs,
    periodEndMs: null,
  };
  const carried: LedgerState = { ...emptyLedger(OWNER, nowMs), notify: ['webhook'], untold: [alert] };
  await openLedger({ carried });
  await openLedger({ carried });
  await eventually('it is told', () => told().length > 0);
  await stage.pass(MINUTE);
  expect(told().map(({ kind }) => kind)).toEqual(['budget-80']);
});
