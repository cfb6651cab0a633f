import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { MachineNote } from '../../src/domain/machine-memory.ts';
import { destroyUpdate } from '../../src/workflows/messages.ts';
import { aChoice, type StandInMarket } from '../support/workflow-market.ts';
import { MINUTE, Stage, type StagedSession } from '../support/workflow-stage.ts';

let stage: Stage;
let market: StandInMarket;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());
beforeEach(async () => {
  market = await stage.freshMarket();
  market.offers = [11, 12, 13].map((machineId) => aChoice({ offerId: machineId - 10, machineId }));
});

const toldBy = (activity: 'rememberMachines' | 'archiveReceipt') =>
  market.callsOf(activity).flatMap(({ order }) => {
    const { notes, machines } = order as { notes?: MachineNote[]; machines?: MachineNote[] };
    return (notes ?? machines ?? []).map(({ machineId, kind }) => ({ machineId, kind }));
  });

async function readyThenDestroyed(session: StagedSession): Promise<void> {
  await session.reach('READY');
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await session.ended();
}

test('a host that fails is remembered at once; with the receipt again, and the one that served', async () => {
  market.fate(1, { bootFailure: 'cdi-error' });
  const session = await stage.launch();
  await session.reach('READY');
  expect(toldBy('rememberMachines')).toEqual([{ machineId: 11, kind: 'cdi-error' }]);
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await session.ended();
  expect(toldBy('archiveReceipt')).toEqual([
    { machineId: 11, kind: 'cdi-error' },
    { machineId: 12, kind: 'ready' },
  ]);
});

test('what a caller may have caused is remembered when another machine has served', async () => {
  market.fate(1, { modelFailure: 'engine-died' });
  await readyThenDestroyed(await stage.launch());
  expect(toldBy('rememberMachines')).toEqual([]);
  expect(toldBy('archiveReceipt')).toEqual([
    { machineId: 11, kind: 'engine-died' },
    { machineId: 12, kind: 'ready' },
  ]);
});

test('the same death on two machines was the caller’s: no machine is remembered for it', async () => {
  market.fate(1, { modelFailure: 'engine-died' });
  market.fate(2, { modelFailure: 'engine-died' });
  const receipt = await (await stage.launch()).ended();
  expect(receipt.outcome).toBe('launch-failed');
  expect([...toldBy('rememberMachines'), ...toldBy('archiveReceipt')]).toEqual([]);
});

test('instances that stop while the credit is zero blame no machine', async () => {
  market.fate(1, { bootFailure: 'stopped-by-provider' });
  const session = await stage.launch();
  await session.until('boots', ({ state }) => state === 'BOOTING');
  market.account = { kind: 'no-credit', creditUsd: 0 };
  const receipt = await session.ended();
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'no-credit' } }]);
  expect([...toldBy('rememberMachines'), ...toldBy('archiveReceipt')]).toEqual([]);
});

test('an attempt that nobody watched says nothing of its machine', async () => {
  market.bugs.set('awaitRunning', () => new Error('no worker'));
  const session = await stage.launch({}, { maxAttempts: 1 });
  const receipt = await session.ended();
  expect(receipt.attempts).toMatchObject([{ failure: { kind: 'startup-timeout' } }]);
  expect([...toldBy('rememberMachines'), ...toldBy('archiveReceipt')]).toEqual([]);
});

test('an archive that cannot be written stops no launch', async () => {
  market.fate(1, { bootFailure: 'cdi-error' });
  market.bugs.set('rememberMachines', () => new Error('the archive is down'));
  const session = await stage.launch();
  const view = await session.reach('READY');
  expect(view.machineId).toBe(12);
  await stage.pass(2 * MINUTE);
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  expect((await session.ended()).outcome).toBe('completed');
});

test('a READY host that drops out and is replaced is remembered at once', async () => {
  market.events = [{ offerId: 1, afterMs: 10 * MINUTE, kind: 'stopped' }];
  const session = await stage.launch({ replace: true });
  await session.until('serves on another', ({ machineId, state }) => state === 'READY' && machineId === 12);
  expect(toldBy('rememberMachines')).toEqual([{ machineId: 11, kind: 'host-offline' }]);
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  await session.ended();
  expect(toldBy('archiveReceipt')).toEqual([
    { machineId: 11, kind: 'host-offline' },
    { machineId: 11, kind: 'ready' },
    { machineId: 12, kind: 'ready' },
  ]);
});
