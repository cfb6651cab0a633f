import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { destroySignal, extendSignal, openUpdate, touchSignal } from '../../src/workflows/messages.ts';
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

/** Somebody uses the model every ten minutes, for longer than any session lasts. */
async function useAllTheTime(hours = 30): Promise<void> {
  const nowMs = await stage.now();
  market.uses = Array.from({ length: hours * 6 }, (_, nth) => nowMs + nth * 10 * MINUTE);
}

const CALLS_OF_THE_MARKET = ['searchOffers', 'rentInstance', 'findByLabel', 'destroyInstance', 'confirmGone'];

test('launch is answered when the budget was reserved', async () => {
  const session = await stage.launch();
  const { view, refusal } = await session.handle.executeUpdate(openUpdate);
  expect(refusal).toBeNull();
  expect(view).toMatchObject({ accepted: true, budget: { limitUsd: 2, reservedUsd: 2 } });
  await session.ended();
});

test('a launch that the ledger refuses says the three numbers, and calls nobody on the market', async () => {
  market = await stage.freshMarket({ limitUsd: 1.5 });
  const session = await stage.launch({ budgetUsd: 2 });
  const { refusal } = await session.handle.executeUpdate(openUpdate);
  expect(refusal).toMatchObject({ kind: 'over-budget' });
  expect(refusal?.detail).toContain('$2.00');
  expect(refusal?.detail).toContain('$1.50');
  expect(await session.ended()).toMatchObject({ outcome: 'over-budget', attempts: [] });
  expect(market.calls.filter(({ name }) => CALLS_OF_THE_MARKET.includes(name))).toEqual([]);
  expect(market.callsOf('readAccount')).toEqual([]);
});

test('a launch on an account without credit is refused, and rents nothing', async () => {
  market.account = { kind: 'no-credit', creditUsd: 0 };
  const session = await stage.launch();
  const { refusal } = await session.handle.executeUpdate(openUpdate);
  expect(refusal).toMatchObject({ kind: 'no-credit' });
  expect(await session.ended()).toMatchObject({ outcome: 'launch-failed', attempts: [] });
  expect(market.callsOf('rentInstance')).toEqual([]);
});

test('a session in use is ended by its budget, at the minute its price and margin say', async () => {
  await useAllTheTime();
  const session = await stage.launch({ budgetUsd: 2 });
  const receipt = await session.ended();
  expect(receipt).toMatchObject({ outcome: 'over-budget' });
  // $2 at $0.40/h last five hours; six minutes of it are kept back for teardown.
  const [contract] = market.contracts;
  const [firstDeleteMs = 0] = contract?.deletesAtMs ?? [];
  const runningAtMs = (contract?.createdAtMs ?? 0) + MINUTE;
  expect(firstDeleteMs - runningAtMs).toBeGreaterThan(5 * HOUR - 8 * MINUTE);
  expect(firstDeleteMs - runningAtMs).toBeLessThanOrEqual(5 * HOUR - 6 * MINUTE + 5 * SECOND);
  expect(receipt.usd.total).toBeLessThan(2);
  expect(receipt.usd.total).toBeGreaterThan(1.9);
});

test('a price that rises brings the end nearer, and the budget still holds', async () => {
  await useAllTheTime();
  market.events = [{ offerId: 7001, afterMs: HOUR, kind: { usdPerHour: 0.8 } }];
  const receipt = await (await stage.launch({ budgetUsd: 2 })).ended();
  expect(receipt).toMatchObject({ outcome: 'over-budget' });
  expect(receipt.endedAtMs - receipt.startedAtMs).toBeLessThan(3.1 * HOUR);
  expect(receipt.usd.total).toBeLessThan(2);
});

test('replacements are paid from the same budget', async () => {
  await useAllTheTime();
  market.offers = [1, 2, 3].map((offerId) => aChoice({ offerId, machineId: 10 + offerId }));
  market.events = [
    { offerId: 1, afterMs: 100 * MINUTE, kind: 'stopped' },
    { offerId: 2, afterMs: 100 * MINUTE, kind: 'stopped' },
  ];
  const receipt = await (await stage.launch({ budgetUsd: 2.5, replace: true })).ended();
  expect(receipt).toMatchObject({ outcome: 'over-budget' });
  expect(receipt.instances).toHaveLength(3);
  expect(receipt.usd.total).toBeLessThan(2.5);
});

test('every label is among the claims in the memo before its create is scheduled', async () => {
  market.offers = [1, 2].map((offerId) => aChoice({ offerId, machineId: 10 + offerId }));
  market.fate(1, { bootFailure: 'cdi-error' });
  const session = await stage.launch();
  await session.ended();
  const claimed: string[] = [];
  let creates = 0;
  for (const event of await session.events()) {
    const memo = event.workflowPropertiesModifiedEventAttributes?.upsertedMemo?.fields?.claims?.data;
    if (memo) claimed.push(...(JSON.parse(Buffer.from(memo).toString()) as string[]));
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled?.activityType?.name !== 'rentInstance') continue;
    const [input] = scheduled.input?.payloads ?? [];
    const { label } = JSON.parse(Buffer.from(input?.data ?? []).toString()) as { label: string };
    expect(claimed).toContain(label);
    creates += 1;
  }
  expect(creates).toBe(2);
});

const GARBAGE = [
  undefined,
  null,
  'soon',
  'NaN',
  [],
  [30],
  {},
  { additional_minutes: '30' },
  { additional_minutes: -5 },
  { additional_minutes: 0 },
  { additional_minutes: 1e300 },
  { additional_minutes: 1e308 },
  { additional_minutes: { deep: true } },
];

test('signals with garbage from the Web UI change nothing, and fail nothing', async () => {
  const session = await stage.launch();
  const { keepAliveUntilMs } = await session.reach('READY');
  for (const typed of GARBAGE) await session.handle.signal(extendSignal, typed);
  expect((await session.status()).keepAliveUntilMs).toBe(keepAliveUntilMs);
  for (const typed of GARBAGE) await session.handle.signal(touchSignal, typed);
  expect((await session.status()).state).toBe('READY');
  await session.handle.signal(destroySignal, { nonsense: [1, 2, 3] });
  expect(await session.ended()).toMatchObject({ outcome: 'completed', reason: 'requested' });
});

test('updates with garbage are refused, and fail nothing', async () => {
  const session = await stage.launch();
  await session.reach('READY');
  for (const typed of [undefined, null, 'soon', { additionalMs: 'long' }, { additionalMs: -1 }]) {
    await expect(session.handle.executeUpdate('extend', { args: [typed] })).rejects.toThrow();
  }
  expect((await session.status()).state).toBe('READY');
  await session.ended();
});

test('an ending session refuses an extension', async () => {
  market.fate(7001, { lingersMs: 2 * MINUTE });
  const session = await stage.launch();
  await session.reach('READY');
  await session.handle.signal(destroySignal);
  await session.reach('DESTROYING');
  await expect(session.extend(10)).rejects.toMatchObject({ cause: { type: 'destroying' } });
  await session.ended();
});

test('an extension beyond the expiry in the label is refused', async () => {
  market.events = [{ offerId: 7001, afterMs: 10 * MINUTE, kind: { usdPerHour: 0.1 } }];
  const session = await stage.launch({ budgetUsd: 1, keepAliveMs: 20 * MINUTE });
  await session.reach('READY');
  await session.until('is cheaper', ({ usdPerHour }) => usdPerHour === 0.1, { stepMs: MINUTE });
  // The dollar that bought 2.5 hours when the label was made would now last for ten.
  await expect(session.extend(5 * 60)).rejects.toMatchObject({ cause: { type: 'conflict' } });
  await session.ended();
});

async function week(): Promise<StagedSession> {
  await useAllTheTime(8 * 24);
  return stage.launch({ budgetUsd: 100, lifetimeMs: 7 * 24 * HOUR }, { historyEventsMax: 120 });
}

test('a week long, run after run, a session keeps its state, its deadlines and its instance', async () => {
  const session = await week();
  const first = await session.reach('READY');
  await stage.pass(3 * 24 * HOUR);
  const { runId } = await session.handle.describe();
  const later = await session.reach('READY');
  expect(later).toMatchObject({
    run: first.run,
    instanceId: first.instanceId,
    readyAtMs: first.readyAtMs,
    lifetimeUntilMs: first.lifetimeUntilMs,
    startedAtMs: first.startedAtMs,
  });
  const receipt = await session.ended();
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'lifetime' });
  expect(receipt.endedAtMs - receipt.startedAtMs).toBeLessThan(7 * 24 * HOUR + MINUTE);
  expect(receipt.attempts).toHaveLength(1);
  expect(market.contracts).toHaveLength(1);
  expect((await session.handle.describe()).runId).not.toBe(runId);
});

test('the same extension sent again to a later run is still one extension', async () => {
  const session = await week();
  await session.reach('READY');
  const { runId } = await session.handle.describe();
  await session.extend(90, 'the-same');
  const untilRunEnds = async () => (await session.handle.describe()).runId !== runId;
  for (let waited = 0; !(await untilRunEnds()); waited += 1) {
    if (waited > 60) throw new Error('it never continued as new');
    await stage.pass(2 * HOUR);
  }
  const before = await session.reach('READY');
  const after = await session.extend(90, 'the-same');
  expect(after.keepAliveUntilMs).toBe(before.keepAliveUntilMs);
  await session.handle.signal(destroySignal);
  await session.ended();
});

test('messages that fill the history inside one slice lose nothing: the run goes on as new at once', async () => {
  await useAllTheTime(24);
  const session = await stage.launch({ budgetUsd: 100 }, { historyEventsMax: 120 });
  const first = await session.reach('READY');
  const { runId } = await session.handle.describe();
  for (let sent = 1; sent <= 40; sent++) await session.extend(1, `one-of-many-${sent}`);
  await eventually('a new run has begun', async () => (await session.handle.describe()).runId !== runId);
  const after = await session.reach('READY');
  expect(after).toMatchObject({ run: first.run, instanceId: first.instanceId, readyAtMs: first.readyAtMs });
  const grantedMs = (after.keepAliveUntilMs ?? 0) - (first.keepAliveUntilMs ?? 0);
  expect(grantedMs).toBeGreaterThanOrEqual(40 * MINUTE);
  await session.handle.signal(destroySignal);
  const receipt = await session.ended();
  expect(receipt.attempts).toHaveLength(1);
  expect(market.contracts).toHaveLength(1);
});
