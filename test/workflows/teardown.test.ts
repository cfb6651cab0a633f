import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SessionState } from '../../src/domain/session.ts';
import { destroyUpdate } from '../../src/workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { aChoice, type StandInMarket } from '../support/workflow-market.ts';
import { HOUR, MINUTE, SECOND, Stage, type StagedSession } from '../support/workflow-stage.ts';

let stage: Stage;
let market: StandInMarket;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());
beforeEach(async () => {
  market = await stage.freshMarket();
});

/** A gate for the activity of that name, shut until opened. */
function shut(name: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  market.gates.set(name, promise);
  return resolve;
}

/** Between two looks for a create that was not answered. */
function settling(session: StagedSession) {
  return session.until('looked for its create', () => market.callsOf('findByLabel').length > 0, {
    stepMs: SECOND,
  });
}

const DURING: SessionState[] = ['BOOTING', 'STARTING_VLLM', 'READY'];

test.each(DURING)('destroyed while %s, a session gives its instance back', async (state) => {
  const session = await stage.launch();
  await session.reach(state);
  const view = await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  expect(view.state).toBe('DESTROYING');
  expect(await session.ended()).toMatchObject({ outcome: 'completed', reason: 'requested' });
  expect(market.contracts).toHaveLength(1);
});

test.each(DURING)('cancelled from the Web UI while %s, a session gives its instance back', async (state) => {
  const session = await stage.launch();
  await session.reach(state);
  await session.handle.cancel();
  expect(await session.ended()).toMatchObject({ outcome: 'cancelled' });
  expect(market.contracts[0]?.goneAtMs).not.toBeNull();
});

test('destroyed while SEARCHING, a session rents nothing', async () => {
  market.offers = [];
  const session = await stage.launch();
  await session.until('searched', () => market.callsOf('searchOffers').length === 1, { stepMs: SECOND });
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  expect(await session.ended()).toMatchObject({ outcome: 'completed', reason: 'requested' });
  expect(market.callsOf('rentInstance')).toEqual([]);
});

test.each(['cancelled', 'destroyed'])(
  '%s while its create is under way, a session awaits it and destroys what it made',
  async (how) => {
    const open = shut('rentInstance');
    const session = await stage.launch();
    await eventually('its create is under way', () => market.contracts.length === 1);
    if (how === 'cancelled') await session.handle.cancel();
    else await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
    await session.recorded('EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED');
    expect(market.callsOf('destroyInstance')).toEqual([]);
    open();
    const receipt = await session.ended();
    expect(receipt.outcome).toBe(how === 'cancelled' ? 'cancelled' : 'completed');
    expect(receipt.instances).toMatchObject([{ instanceId: market.contracts[0]?.instanceId }]);
    expect(market.contracts[0]?.deletesAtMs).toHaveLength(1);
  },
);

test('cancelled while a call of its fails, a session ends as cancelled, and not by that failure', async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  market.gates.set('reserveBudget', promise);
  const session = await stage.launch();
  await eventually('money is asked for', () => market.callsOf('reserveBudget').length === 1);
  await session.handle.cancel();
  await session.recorded('EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED');
  market.gates.delete('reserveBudget');
  // The server tries nothing again that is cancelled: the workflow is told its last failure. This one would.
  reject(ApplicationFailure.nonRetryable('the ledger did not answer'));
  expect(await session.ended()).toMatchObject({ outcome: 'cancelled' });
  expect(market.callsOf('rentInstance')).toEqual([]);
});

test('an instance that lingers is sent its DELETE again until it is gone', async () => {
  market.fate(7001, { lingersMs: 5 * MINUTE });
  const session = await stage.launch();
  await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  const receipt = await session.ended();
  const [contract] = market.contracts;
  expect(contract?.deletesAtMs.length).toBeGreaterThan(2);
  expect(receipt.instances[0]?.goneAtMs ?? 0).toBeGreaterThanOrEqual(
    (contract?.deleteAcceptedAtMs ?? 0) + 5 * MINUTE,
  );
});

test('gone means absent twice, by id and by list, at least 5 seconds apart', async () => {
  const session = await stage.launch();
  await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  const receipt = await session.ended();
  const looks = market.callsOf('confirmGone').slice(-2);
  expect(looks).toHaveLength(2);
  expect((looks[1]?.atMs ?? 0) - (looks[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(5 * SECOND);
  const seen = receipt.instances[0]?.seenAbsent ?? [];
  expect(new Set(seen.map(({ by }) => by))).toEqual(new Set(['id', 'list']));
});

test('absence of an instance that was never seen does not count before the settling time has run', async () => {
  market.fate(7001, { create: 'reply-lost', listedAfterMs: 50 * SECOND });
  const session = await stage.launch();
  await settling(session);
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  const receipt = await session.ended();
  expect(market.contracts[0]?.deletesAtMs.length).toBeGreaterThan(0);
  expect(receipt.instances).toMatchObject([{ instanceId: market.contracts[0]?.instanceId }]);
});

test('looks for an instance that never shows are spread over the settling time', async () => {
  market.fate(7001, { create: 'never-arrives' });
  const session = await stage.launch();
  await settling(session);
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  const receipt = await session.ended();
  const looks = market.callsOf('confirmGone').map(({ atMs }) => atMs);
  expect(receipt.endedAtMs - receipt.startedAtMs).toBeGreaterThanOrEqual(60 * SECOND);
  expect(looks.length).toBeLessThanOrEqual(16);
});

test('a teardown that fails for hours is tried for ever, and is shown as unconfirmed meanwhile', async () => {
  market.fate(7001, { refusesDeletesMs: 6 * HOUR });
  const session = await stage.launch();
  await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await stage.pass(3 * HOUR);
  const view = await session.status();
  expect(view.state).toBe('DESTROYING');
  expect(view.unconfirmedForMs ?? 0).toBeGreaterThanOrEqual(3 * HOUR - MINUTE);
  const receipt = await session.ended();
  expect(receipt.endedAtMs - receipt.startedAtMs).toBeGreaterThanOrEqual(6 * HOUR);
});

test('reads that fail for hours are never taken for absence', async () => {
  const session = await stage.launch();
  await session.reach('READY');
  market.bugs.set('confirmGone', () => new Error('the list cannot be had'));
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await stage.pass(HOUR);
  expect((await session.status()).state).toBe('DESTROYING');
  market.bugs.clear();
  await session.ended();
});

test.each(['rentInstance', 'awaitRunning', 'awaitModel', 'superviseInstance', 'awaitDrained', 'readCharges'])(
  'a bug in %s still gives everything back',
  async (name) => {
    market.offers = [aChoice(), aChoice({ offerId: 7002, machineId: 502 })];
    market.bugs.set(name, () => new TypeError('cannot read properties of undefined'));
    const session = await stage.launch();
    const receipt = await session.ended();
    expect(receipt.endedAtMs - receipt.startedAtMs).toBeLessThan(4 * HOUR);
  },
);

test('a host that vanished by itself while booting is no reason to wait for it', async () => {
  market.offers = [aChoice(), aChoice({ offerId: 7002, machineId: 502 })];
  const session = await stage.launch();
  await session.reach('BOOTING');
  const [contract] = market.contracts;
  if (contract === undefined) throw new Error('nothing was rented');
  market.vanish(contract, await stage.now());
  await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  const receipt = await session.ended();
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'vanished' } }, { failure: null }]);
});
