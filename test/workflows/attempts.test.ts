import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { destroyUpdate } from '../../src/workflows/messages.ts';
import { aChoice, type StandInMarket } from '../support/workflow-market.ts';
import { MINUTE, SECOND, Stage, type StagedSession } from '../support/workflow-stage.ts';

const FIRST = aChoice({ offerId: 1, machineId: 11, usdPerHour: 0.3 });
const SECOND_BEST = aChoice({ offerId: 2, machineId: 12, usdPerHour: 0.4 });
const NEXT_TIER = aChoice({
  offerId: 3,
  machineId: 13,
  tier: 'RTX 3090',
  gpuName: 'RTX 3090',
  usdPerHour: 0.2,
});

let stage: Stage;
let market: StandInMarket;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());
beforeEach(async () => {
  market = await stage.freshMarket();
  market.offers = [FIRST, SECOND_BEST];
});

async function readyThenDestroyed(session: StagedSession) {
  const view = await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  return { view, receipt: await session.ended() };
}

const offersRented = () =>
  market.callsOf('rentInstance').map(({ order }) => (order as { offerId: number }).offerId);

test('a create whose reply was lost is found by its label and adopted: one instance, not two', async () => {
  market.fate(1, { create: 'reply-lost', listedAfterMs: 20 * SECOND });
  const { view, receipt } = await readyThenDestroyed(await stage.launch());
  expect(view.instanceId).toBe(market.contracts[0]?.instanceId);
  expect(market.contracts).toHaveLength(1);
  expect(receipt.attempts).toHaveLength(1);
});

test('a create that is never seen is waited for, given up, and its label swept before the session ends', async () => {
  market.fate(1, { create: 'never-arrives' });
  const { receipt } = await readyThenDestroyed(await stage.launch());
  expect(receipt.attempts).toMatchObject([
    { offerId: 1, phase: 'gone', failure: { kind: 'create-unknown' } },
    { offerId: 2, phase: 'gone', failure: null },
  ]);
  const [firstCreate, secondCreate] = market.callsOf('rentInstance');
  expect((secondCreate?.atMs ?? 0) - (firstCreate?.atMs ?? 0)).toBeGreaterThanOrEqual(60 * SECOND);
  const [first] = receipt.attempts;
  const sweeps = market
    .callsOf('confirmGone')
    .filter(({ order }) => (order as { label: string }).label === first?.label);
  expect(sweeps.length).toBeGreaterThanOrEqual(2);
});

test('an instance that shows up after its create was given up is destroyed all the same', async () => {
  market.fate(1, { create: 'reply-lost', listedAfterMs: 63 * SECOND });
  const { receipt } = await readyThenDestroyed(await stage.launch());
  expect(market.contracts).toHaveLength(2);
  expect(receipt.instances.map(({ instanceId }) => instanceId)).toContain(market.contracts[0]?.instanceId);
});

test('a create that the ledger knows was never sent costs no waiting', async () => {
  market.fate(1, { create: 'not-sent' });
  const { receipt } = await readyThenDestroyed(await stage.launch());
  expect(receipt.attempts).toMatchObject([
    { failure: { kind: 'create-unknown' }, instanceId: null, usd: 0 },
    { offerId: 2 },
  ]);
  const [firstCreate, secondCreate] = market.callsOf('rentInstance');
  expect((secondCreate?.atMs ?? 0) - (firstCreate?.atMs ?? 0)).toBeLessThan(30 * SECOND);
  expect(market.callsOf('findByLabel')).toEqual([]);
});

test('a refused offer is followed by the next', async () => {
  market.fate(1, { create: 'refused:no_such_ask' });
  const { receipt } = await readyThenDestroyed(await stage.launch());
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'offer-gone' } }, { offerId: 2 }]);
  expect(market.callsOf('destroyInstance')).toHaveLength(1);
});

test("the caller's fault stops after one attempt, and is named", async () => {
  market.fate(1, { bootFailure: 'image-not-found' });
  const receipt = await (await stage.launch()).ended();
  expect(receipt).toMatchObject({ outcome: 'launch-failed' });
  expect(receipt.reason).toContain('image');
  expect(offersRented()).toEqual([1]);
});

test("the account's fault stops after one attempt, and blames no machine", async () => {
  market.fate(1, { create: 'refused:insufficient_credit' });
  const receipt = await (await stage.launch()).ended();
  expect(receipt).toMatchObject({ outcome: 'launch-failed' });
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'no-credit', whose: 'account' } }]);
  expect(offersRented()).toEqual([1]);
  expect(market.contracts).toEqual([]);
});

test("a host's fault blocks its machine for the rest of the session", async () => {
  const sameMachine = aChoice({ offerId: 4, machineId: FIRST.machineId, usdPerHour: 0.31 });
  market.offers = [FIRST, sameMachine, SECOND_BEST];
  market.fate(1, { bootFailure: 'cdi-error' });
  const { receipt } = await readyThenDestroyed(await stage.launch());
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'cdi-error', whose: 'host' } }, { offerId: 2 }]);
  expect(offersRented()).toEqual([1, 2]);
});

test('a machine is blocked for the search that follows, too', async () => {
  market.offers = [FIRST];
  market.fate(1, { bootFailure: 'cdi-error' });
  const receipt = await (await stage.launch({}, { searchRetriesMax: 1 })).ended();
  expect(receipt.outcome).toBe('launch-failed');
  const last = market.callsOf('searchOffers').at(-1)?.order as { blockedMachines: number[] };
  expect(last.blockedMachines).toEqual([FIRST.machineId]);
});

test('the next tier is tried when the first has failed', async () => {
  market.offers = [FIRST, NEXT_TIER];
  market.fate(1, { modelFailure: 'engine-died' });
  const { view } = await readyThenDestroyed(await stage.launch());
  expect(view).toMatchObject({ gpu: 'RTX 3090', state: 'READY' });
});

test('a host that never boots is given up at its deadline, and destroyed before another is rented', async () => {
  market.fate(1, { runningAfterMs: null });
  const { receipt } = await readyThenDestroyed(await stage.launch());
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'boot-timeout' } }, { offerId: 2 }]);
  const [dead, next] = market.contracts;
  expect(dead?.deleteAcceptedAtMs ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(next?.createdAtMs ?? 0);
});

test('an attempt that no worker watches is given up at its startup cap', async () => {
  market.bugs.set('awaitRunning', () => new Error('no worker'));
  const session = await stage.launch({}, { maxAttempts: 1 });
  const receipt = await session.ended();
  expect(receipt.outcome).toBe('launch-failed');
  expect(receipt.endedAtMs - receipt.startedAtMs).toBeLessThan(20 * MINUTE);
});

test('an offer that the budget does not carry is passed over', async () => {
  market.offers = [aChoice({ offerId: 1, machineId: 11, usdPerHour: 3 }), SECOND_BEST];
  const { receipt } = await readyThenDestroyed(await stage.launch({ budgetUsd: 1 }));
  expect(receipt.attempts).toMatchObject([{ offerId: 2 }]);
  expect(offersRented()).toEqual([2]);
});

test('when every offer is too dear the session ends over budget, having rented nothing', async () => {
  market.offers = [aChoice({ offerId: 1, machineId: 11, usdPerHour: 3 })];
  const receipt = await (await stage.launch({ budgetUsd: 1 })).ended();
  expect(receipt).toMatchObject({ outcome: 'over-budget', usd: { total: 0 } });
  expect(offersRented()).toEqual([]);
});

test('a contract dearer than its offer is destroyed, and the next offer is tried', async () => {
  market.fate(1, { contractUsdPerHour: 0.6 });
  const { receipt } = await readyThenDestroyed(await stage.launch());
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'contract-mismatch' } }, { offerId: 2 }]);
});

test('a hedge keeps the first that is READY and gives the other back', async () => {
  market.fate(1, { runningAfterMs: 6 * MINUTE });
  const session = await stage.launch({ hedge: 2 });
  const view = await session.reach('READY');
  expect(market.contracts).toHaveLength(2);
  expect(view.attempts.find(({ phase }) => phase === 'ready')).toMatchObject({ offerId: 2 });
  await session.until('gave the loser back', ({ attempts }) =>
    attempts.some(({ phase }) => phase === 'gone'),
  );
  expect(market.left).toHaveLength(1);
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await session.ended();
});

test('a lost instance is destroyed and replaced when that was asked for', async () => {
  market.events = [{ offerId: 1, afterMs: 30 * MINUTE, kind: 'stopped' }];
  const session = await stage.launch({ replace: true });
  await session.reach('READY');
  await session.until('rented another', ({ attempts }) => attempts.length === 2, { stepMs: 30 * SECOND });
  const view = await session.reach('READY');
  expect(view.attempts).toMatchObject([
    { failure: { kind: 'host-offline' } },
    { offerId: 2, phase: 'ready' },
  ]);
  const [lost, next] = market.contracts;
  expect(lost?.deleteAcceptedAtMs).not.toBeNull();
  expect(next?.createdAtMs ?? 0).toBeGreaterThanOrEqual(lost?.deleteAcceptedAtMs ?? Number.POSITIVE_INFINITY);
  const receipt = await session.ended();
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'idle' });
  expect(receipt.usd.total).toBeLessThan(2);
});

test('a replacement is rented only when the DELETE of the lost one was accepted', async () => {
  market.events = [{ offerId: 1, afterMs: 30 * MINUTE, kind: 'stopped' }];
  market.fate(1, { refusesDeletesMs: 40 * SECOND });
  const session = await stage.launch({ replace: true });
  await session.reach('READY');
  await session.until('rented another', () => market.contracts.length === 2, { stepMs: 5 * SECOND });
  const [lost, next] = market.contracts;
  expect(next?.createdAtMs ?? 0).toBeGreaterThanOrEqual(lost?.deleteAcceptedAtMs ?? Number.POSITIVE_INFINITY);
  await session.ended();
});

test('without replacement a lost instance ends the session', async () => {
  market.events = [{ offerId: 1, afterMs: 30 * MINUTE, kind: 'lost' }];
  const receipt = await (await stage.launch()).ended();
  expect(receipt).toMatchObject({ outcome: 'lost' });
  expect(offersRented()).toEqual([1]);
});

test('an open breaker ends the session unhealthy, and its instance is destroyed', async () => {
  market.events = [{ offerId: 1, afterMs: 30 * MINUTE, kind: 'unhealthy' }];
  const receipt = await (await stage.launch()).ended();
  expect(receipt).toMatchObject({ outcome: 'unhealthy' });
  expect(market.contracts[0]?.deletesAtMs).toHaveLength(1);
});
