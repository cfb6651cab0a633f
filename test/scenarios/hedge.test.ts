import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatusAnswer } from '../../src/admin/answers.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** Several hosts at once, and one after the other: what a launch rents beside or in place of its first. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ policy: { maxStartupMs: 15_000, bootTimeFactor: 1 / 300 } });
});
afterAll(() => stack[Symbol.asyncDispose]());

const inject = (session: string, fault: object) =>
  stack.faults({ ...fault, label_prefix: stack.labelPrefix(session) });

const readyOnAnother =
  (first: StatusAnswer) =>
  ({ state, instance_id }: StatusAnswer) =>
    state === 'READY' && instance_id !== first.instance_id;

/** The first of these hedged sessions of which both hosts were rented. */
async function bothStarted(names: readonly string[]) {
  for (const session of names) {
    await stack.api.launched(aLaunch({ session, hedge: 2 }));
    await stack.api.ready(session);
    const contracts = await stack.books.ours(session);
    if (contracts.length === 2) return { session, contracts };
    await stack.api.destroyed(session);
  }
  throw new Error('No hedge rented two hosts.');
}

describe.concurrent('a hedge', () => {
  test('whose hosts both start keeps one; the other is destroyed, and paid for to the cent', async () => {
    const { api, books } = stack;
    // On a busy machine the first can be READY before the second was ordered: then nothing was to be kept or given back.
    const { session, contracts } = await bothStarted(['both', 'both-2', 'both-3', 'both-4']);
    const ready = await api.supervised(session);
    for (const { id } of contracts) if (id !== ready.instance_id) await books.awaitGone(id, 30_000);
    expect((await api.status(session)).state).toBe('READY');
    const receipt = await api.destroyed(session);
    expect(receipt.instances.every(({ usd }) => usd.total > 0)).toBe(true);
    await books.expectNoneAlive(session);
    await books.expectReceiptAgrees(receipt, { trafficShare: 1 });
    await books.expectStrangersUntouched();
  });

  test.each([
    { session: 'one-fails', faults: ['cdi-error'] },
    { session: 'both-fail', faults: ['cdi-error', 'driver-too-old'] },
  ])('$session: it is READY on a sound host, never with more than two', async ({ session, faults }) => {
    const { api, books } = stack;
    for (const fault of faults) await inject(session, { fault });
    await api.launched(aLaunch({ session, hedge: 2 }));
    const ready = await api.supervised(session);
    const failed = ready.attempts.filter(({ failure }) => failure?.whose === 'host');
    expect(failed.map(({ machine_id }) => machine_id)).not.toContain(ready.machine_id);
    const receipt = await api.destroyed(session);
    expect(receipt.outcome).toBe('completed');
    await books.expectNoneAlive(session);
    await books.expectReceiptAgrees(receipt, { trafficShare: 1 });
  });
});

test('a hedge never holds more hosts than it was given', async () => {
  await stack.books.expectNoDoubleRent({ hedge: 2 });
});

describe.concurrent('with `replace`', () => {
  test('an instance that went offline is replaced', async () => {
    const { api, books } = stack;
    await inject('offline', { fault: 'offline', seconds: 4 });
    await api.launched(aLaunch({ session: 'offline', replace: true }));
    const first = await api.ready('offline');
    const second = await api.until('offline', 'serves on another', readyOnAnother(first));
    expect(second.attempts.map(({ failure }) => failure?.kind ?? null)).toContain('host-offline');
    await api.until('offline', 'was looked at', ({ health }) => health.last_ok_at !== null);
    await books.expectReceiptAgrees(await api.destroyed('offline'));
  });

  test('an instance that somebody destroyed is replaced', async () => {
    const { api, books, market } = stack;
    await api.launched(aLaunch({ session: 'vanishes', replace: true }));
    const first = await api.ready('vanishes');
    await fetch(`${market.url}/api/v0/instances/${first.instance_id}/`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${market.key}` },
      signal: AbortSignal.timeout(5_000),
    });
    const second = await api.until('vanishes', 'serves on another', readyOnAnother(first));
    const lost = second.attempts.find(({ instance_id }) => instance_id === first.instance_id);
    expect(lost?.failure).toMatchObject({ kind: 'vanished' });
    await api.destroyed('vanishes');
    await books.expectNoneAlive('vanishes');
  });

  test('a bid that is outbid is replaced by another bid, within the budget', async () => {
    const { api, books } = stack;
    await inject('outbid', { fault: 'outbid', seconds: 4 });
    await api.launched(aLaunch({ session: 'outbid', interruptible: true, replace: true }));
    const first = await api.ready('outbid');
    const second = await api.until('outbid', 'serves on another', readyOnAnother(first));
    const lost = second.attempts.find(({ instance_id }) => instance_id === first.instance_id);
    expect(lost?.failure).toMatchObject({ kind: 'outbid', whose: 'market' });
    const receipt = await api.destroyed('outbid');
    const contracts = await books.ours('outbid');
    expect(contracts.length).toBeGreaterThanOrEqual(2);
    expect(contracts.every(({ is_bid }) => is_bid)).toBe(true);
    expect(await books.chargedUsd(receipt)).toBeLessThan(1);
  });
});

test('a bid that is outbid when the budget carries no other ends, and rents no more', async () => {
  const { api, books } = stack;
  const session = 'poor';
  type Offer = { machine_id: number; needed_usd: number };
  const plan = await api.admin<{ first: Offer; offers: Offer[] }>('POST', 'plan', {
    interruptible: true,
    keep_alive_minutes: 10,
  });
  const { first, offers } = plan.body;
  // Enough for the first, and nothing of a second download; no cheaper machine is allowed.
  const budget = Math.ceil(first.needed_usd * 1.02 * 1e4) / 1e4;
  const dearer = offers.filter(({ needed_usd }) => needed_usd >= first.needed_usd);
  const machines = [...new Set([first, ...dearer].map(({ machine_id }) => machine_id))];
  expect(machines.length).toBeGreaterThan(1);
  await inject(session, { fault: 'outbid', seconds: 4 });
  const order = { interruptible: true, replace: true, budget_usd: budget, keep_alive_minutes: 10, machines };
  await api.launched(aLaunch({ session, ...order }));
  await api.ready(session);
  const receipt = await api.ended(session);
  expect(receipt).toMatchObject({ outcome: 'over-budget', reason: expect.stringMatching(/the budget is/) });
  expect(await books.ours(session)).toHaveLength(1);
  expect(await books.chargedUsd(receipt)).toBeLessThanOrEqual(budget);
});

test('a model that comes and goes closes the breaker again: nothing is replaced, and health says so', async () => {
  const { api, books } = stack;
  const session = 'flaps';
  await inject(session, { fault: 'vllm-flaps', seconds: 3 });
  await api.launched(aLaunch({ session, replace: true }));
  const first = await api.ready(session);
  const sick = await api.until(session, 'was seen sick', ({ health }) => health.consecutive_failures > 0);
  expect(sick.state).toBe('READY');
  const well = await api.until(
    session,
    'is well again',
    ({ health }) =>
      health.consecutive_failures === 0 && (health.last_ok_at ?? '') > (sick.health.last_ok_at ?? ''),
  );
  expect(well).toMatchObject({ state: 'READY', instance_id: first.instance_id });
  const receipt = await api.destroyed(session);
  expect(receipt.attempts).toHaveLength(1);
  await books.expectReceiptAgrees(receipt);
});
