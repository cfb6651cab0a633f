import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { destroyUpdate } from '../../src/workflows/messages.ts';
import { aChoice, type StandInMarket } from '../support/workflow-market.ts';
import { MINUTE, SECOND, Stage, type StagedSession } from '../support/workflow-stage.ts';

let stage: Stage;
let market: StandInMarket;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());
beforeEach(async () => {
  market = await stage.freshMarket();
  market.offers = [1, 2, 3, 4].map((offerId) => aChoice({ offerId, machineId: 10 + offerId }));
  // Not in the same moment: this server loses the task of a workflow that cancels what completes just then. Two
  // that are READY at once meet on the simulated market, in test/scenarios/hedge.test.ts.
  for (const offerId of [2, 4]) market.fate(offerId, { servedAfterMs: 200 * SECOND });
});

async function destroyed(session: StagedSession) {
  await session.handle.executeUpdate(destroyUpdate, { args: [{}] });
  return session.ended();
}

/** How many contracts were alive at once, by their creates and first DELETEs. */
function mostAtOnce(): number {
  const alive = (atMs: number) =>
    market.contracts.filter(
      ({ createdAtMs, deletesAtMs }) => createdAtMs <= atMs && atMs < (deletesAtMs[0] ?? Infinity),
    ).length;
  return Math.max(0, ...market.contracts.map(({ createdAtMs }) => alive(createdAtMs)));
}

describe('a hedge', () => {
  test('of which one host fails is READY on the other, without another rented for nothing', async () => {
    market.fate(1, { bootFailure: 'cdi-error', runningAfterMs: 150 * SECOND });
    const session = await stage.launch({ hedge: 2 });
    const view = await session.reach('READY');
    expect(view.machineId).toBe(12);
    const receipt = await destroyed(session);
    expect(market.contracts.length).toBeLessThanOrEqual(3);
    expect(mostAtOnce()).toBe(2);
    expect(receipt.instances.every(({ goneAtMs }) => goneAtMs !== null)).toBe(true);
  });

  test('of which both hosts fail tries two others', async () => {
    market.fate(1, { bootFailure: 'cdi-error' });
    market.fate(2, { bootFailure: 'driver-too-old', runningAfterMs: 90 * SECOND });
    const session = await stage.launch({ hedge: 2 });
    const view = await session.reach('READY');
    expect([13, 14]).toContain(view.machineId);
    const receipt = await destroyed(session);
    expect(receipt.attempts.map(({ failure }) => failure?.kind ?? null).sort()).toEqual(
      ['cdi-error', 'driver-too-old', null, null].sort(),
    );
    expect(mostAtOnce()).toBe(2);
  });

  test('of three whose hosts all fail but one keeps that one', async () => {
    for (const offerId of [1, 2, 3])
      market.fate(offerId, { modelFailure: 'port-unreachable', servedAfterMs: offerId * 40 * SECOND });
    const session = await stage.launch({ hedge: 3 });
    expect((await session.reach('READY')).machineId).toBe(14);
    await destroyed(session);
    expect(mostAtOnce()).toBeLessThanOrEqual(3);
  });

  test('rents on as many hosts as the budget carries together, not on as many as it carries each', async () => {
    // A keep-alive of 45 minutes and a margin of 6 at $0.40: $0.34 a lane.
    const session = await stage.launch({ hedge: 2, budgetUsd: 0.5 });
    await session.reach('READY');
    expect(market.contracts).toHaveLength(1);
    const receipt = await destroyed(session);
    expect(receipt.outcome).toBe('completed');
    expect(receipt.usd.total).toBeLessThan(0.5);
  });

  test('reckons with the download of each host before it has begun', async () => {
    market.offers = [1, 2].map((offerId) => aChoice({ offerId, machineId: 10 + offerId, trafficUsd: 0.3 }));
    const session = await stage.launch({ hedge: 2, budgetUsd: 1.2 });
    await session.reach('READY');
    expect(market.contracts).toHaveLength(1);
    await destroyed(session);
  });

  test('that the budget carries whole rents on all its hosts', async () => {
    const session = await stage.launch({ hedge: 2, budgetUsd: 0.7 });
    await session.reach('READY');
    expect(market.contracts).toHaveLength(2);
    await destroyed(session);
  });

  test('ends for all lanes with the caller’s fault, and says that one', async () => {
    market.fate(1, { modelFailure: 'model-gated' });
    market.fate(2, { bootFailure: 'cdi-error', runningAfterMs: 4 * MINUTE });
    const receipt = await (await stage.launch({ hedge: 2 })).ended();
    expect(receipt).toMatchObject({ outcome: 'launch-failed', reason: expect.stringMatching(/HF_TOKEN/) });
    expect(market.contracts).toHaveLength(2);
  });

  test('left with one lane by its budget says why that one failed, not that two were too dear', async () => {
    market.offers = [aChoice({ offerId: 1, machineId: 11 }), aChoice({ offerId: 2, machineId: 12 })];
    for (const offerId of [1, 2]) market.fate(offerId, { bootFailure: 'cdi-error' });
    const receipt = await (await stage.launch({ hedge: 2, budgetUsd: 0.5 })).ended();
    expect(receipt.outcome).toBe('launch-failed');
    expect(receipt.reason).toMatch(/CDI|tried/);
  });
});

describe('a replacement', () => {
  test('is affordable as soon as the DELETE of the lost one was accepted', async () => {
    market.events = [{ offerId: 1, afterMs: 20 * MINUTE, kind: 'stopped' }];
    // It stays on the books for minutes, as deleted ones do.
    market.fate(1, { lingersMs: 4 * MINUTE });
    // 20 minutes cost $0.13; one keep-alive and margin more $0.34: two at once would not be carried.
    const session = await stage.launch({ replace: true, budgetUsd: 0.6 });
    await session.until('serves again', ({ machineId, state }) => machineId === 12 && state === 'READY');
    const receipt = await destroyed(session);
    expect(receipt.outcome).toBe('completed');
    expect(receipt.usd.total).toBeLessThan(0.6);
  });

  test('is refused when the budget does not carry it, and the session ends over budget', async () => {
    market.events = [{ offerId: 1, afterMs: 40 * MINUTE, kind: 'stopped' }];
    const receipt = await (await stage.launch({ replace: true, budgetUsd: 0.5 })).ended();
    expect(receipt).toMatchObject({ outcome: 'over-budget', reason: expect.stringMatching(/needs \$0\./) });
    expect(market.contracts).toHaveLength(1);
    expect(receipt.usd.total).toBeLessThan(0.5);
  });

  test('after hours of service has all the attempts of a launch again', async () => {
    market.offers = [1, 2, 3].map((offerId) => aChoice({ offerId, machineId: 10 + offerId }));
    market.fate(1, { bootFailure: 'cdi-error' });
    market.events = [{ offerId: 2, afterMs: 40 * MINUTE, kind: 'unhealthy' }];
    const session = await stage.launch({ replace: true }, { maxAttempts: 2 });
    await session.until(
      'serves on the third',
      ({ machineId, state }) => machineId === 13 && state === 'READY',
    );
    expect((await destroyed(session)).outcome).toBe('completed');
  });

  test('that is lost again and again right after READY ends the launch at its attempts', async () => {
    market.offers = [1, 2, 3, 4].map((offerId) => aChoice({ offerId, machineId: 10 + offerId }));
    market.events = [1, 2, 3, 4].map((offerId) => ({
      offerId,
      afterMs: 5 * MINUTE,
      kind: 'unhealthy' as const,
    }));
    const receipt = await (await stage.launch({ replace: true, budgetUsd: 2 }, { maxAttempts: 3 })).ended();
    expect(receipt.outcome).toBe('lost');
    expect(receipt.reason).toMatch(/LEASH_MAX_ATTEMPTS is 3/);
    expect(market.contracts).toHaveLength(3);
  });
});
