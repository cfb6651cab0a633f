import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { destroyUpdate, extendSignal, touchSignal } from '../../src/workflows/messages.ts';
import { HOUR, MINUTE, SECOND, Stage } from '../support/workflow-stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());
beforeEach(async () => {
  await stage.freshMarket();
});

test('a session is seen to search, rent, boot and start vLLM before it is READY', async () => {
  const session = await stage.launch();
  const seen: string[] = [];
  await session.until('was READY', ({ state }) => {
    if (seen.at(-1) !== state) seen.push(state);
    return state === 'READY';
  });
  const order = ['SEARCHING', 'LAUNCHING', 'BOOTING', 'STARTING_VLLM', 'READY'];
  expect(seen).toEqual(order.filter((state) => seen.includes(state)));
  expect(seen.slice(-3)).toEqual(['BOOTING', 'STARTING_VLLM', 'READY']);
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  const receipt = await session.ended();
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'requested' });
  expect(receipt.attempts).toMatchObject([{ attempt: 1, phase: 'gone', failure: null }]);
});

test('a session that nobody uses ends idle 45 minutes after it was READY', async () => {
  const session = await stage.launch();
  const { readyAtMs } = await session.reach('READY');
  const receipt = await session.ended();
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'idle' });
  const servedMs = receipt.endedAtMs - (readyAtMs ?? 0);
  expect(servedMs).toBeGreaterThanOrEqual(45 * MINUTE);
  expect(servedMs).toBeLessThan(46 * MINUTE);
});

test('use moves the moment at which a session is idle', async () => {
  const session = await stage.launch();
  const { readyAtMs } = await session.reach('READY');
  const usedAtMs = (readyAtMs ?? 0) + 40 * MINUTE;
  stage.market.uses = [usedAtMs];
  const receipt = await session.ended();
  expect(receipt.reason).toBe('idle');
  expect(receipt.endedAtMs - usedAtMs).toBeGreaterThanOrEqual(45 * MINUTE);
  expect(receipt.endedAtMs - usedAtMs).toBeLessThan(46 * MINUTE);
});

test('a touch from the Web UI counts as use', async () => {
  const session = await stage.launch();
  const { readyAtMs } = await session.reach('READY');
  await stage.pass(40 * MINUTE);
  await session.handle.signal(touchSignal);
  const receipt = await session.ended();
  expect(receipt.endedAtMs - (readyAtMs ?? 0)).toBeGreaterThan(85 * MINUTE - 10 * SECOND);
  expect(receipt.endedAtMs - (readyAtMs ?? 0)).toBeLessThan(87 * MINUTE);
});

test('a session that nobody supervises is ended by its own timer, at the end of the slice', async () => {
  const session = await stage.launch();
  stage.market.isSupervised = false;
  const { readyAtMs } = await session.reach('READY');
  const receipt = await session.ended();
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'idle' });
  const servedMs = receipt.endedAtMs - (readyAtMs ?? 0);
  expect(servedMs).toBeGreaterThanOrEqual(120 * MINUTE);
  expect(servedMs).toBeLessThan(123 * MINUTE);
});

test('an extension adds its minutes to the keep-alive', async () => {
  const session = await stage.launch();
  const { readyAtMs, keepAliveUntilMs } = await session.reach('READY');
  const extended = await session.extend(30);
  expect(extended.keepAliveUntilMs).toBe((keepAliveUntilMs ?? 0) + 30 * MINUTE);
  const receipt = await session.ended();
  expect(receipt.endedAtMs - (readyAtMs ?? 0)).toBeGreaterThanOrEqual(75 * MINUTE);
  expect(receipt.endedAtMs - (readyAtMs ?? 0)).toBeLessThan(76 * MINUTE);
});

test('an extension typed into the Web UI as a signal is the same', async () => {
  const session = await stage.launch();
  const { keepAliveUntilMs } = await session.reach('READY');
  await session.handle.signal(extendSignal, { additional_minutes: 30 });
  const { keepAliveUntilMs: untilMs } = await session.status();
  expect(untilMs).toBe((keepAliveUntilMs ?? 0) + 30 * MINUTE);
  await session.ended();
});

test('an extension before READY is granted at READY', async () => {
  const session = await stage.launch();
  await session.reach('BOOTING');
  await session.extend(20);
  await session.handle.signal(extendSignal, { additional_minutes: 10 });
  const { readyAtMs, keepAliveUntilMs } = await session.reach('READY');
  expect(keepAliveUntilMs).toBe((readyAtMs ?? 0) + 75 * MINUTE);
  const receipt = await session.ended();
  expect(receipt.endedAtMs - (readyAtMs ?? 0)).toBeGreaterThanOrEqual(75 * MINUTE);
});

test('the same extension sent twice counts once', async () => {
  const session = await stage.launch();
  const { keepAliveUntilMs } = await session.reach('READY');
  await session.extend(10, 'the-same');
  await session.extend(10, 'the-same');
  const { keepAliveUntilMs: untilMs } = await session.status();
  expect(untilMs).toBe((keepAliveUntilMs ?? 0) + 10 * MINUTE);
  await session.ended();
});

test('an extension beyond the lifetime is refused, with both moments', async () => {
  const session = await stage.launch({ budgetUsd: 50 });
  const { lifetimeUntilMs } = await session.reach('READY');
  const refused = await session.extend(24 * 60).catch((error: unknown) => error);
  expect(refused).toMatchObject({ cause: { type: 'conflict' } });
  expect(String((refused as { cause: Error }).cause.message)).toContain(
    new Date(lifetimeUntilMs ?? 0).toISOString(),
  );
  await session.ended();
});

test('an extension that the budget does not carry is refused', async () => {
  const session = await stage.launch({ budgetUsd: 0.5 });
  await session.reach('READY');
  await expect(session.extend(60)).rejects.toMatchObject({ cause: { type: 'over-budget' } });
  await session.extend(10);
  await session.ended();
});

test('a session used all day ends with its lifetime, 24 hours after its start', async () => {
  const startedAtMs = await stage.now();
  stage.market.uses = Array.from({ length: 200 }, (_, nth) => startedAtMs + nth * 10 * MINUTE);
  const session = await stage.launch({ budgetUsd: 50 });
  const receipt = await session.ended();
  expect(receipt).toMatchObject({ outcome: 'completed', reason: 'lifetime' });
  expect(receipt.endedAtMs - receipt.startedAtMs).toBeGreaterThanOrEqual(24 * HOUR);
  expect(receipt.endedAtMs - receipt.startedAtMs).toBeLessThan(24 * HOUR + MINUTE);
});

test('a healthy day, used from launch to teardown, stays below 250 events of history', async () => {
  const startedAtMs = await stage.now();
  stage.market.uses = Array.from({ length: 200 }, (_, nth) => startedAtMs + nth * 10 * MINUTE);
  const session = await stage.launch({ budgetUsd: 50 });
  await session.ended();
  const events = await session.events();
  expect(events.length).toBeGreaterThan(50);
  expect(events.length).toBeLessThanOrEqual(250);
});
