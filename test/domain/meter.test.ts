import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addUsd, burnAt, costAt, type Meter, repriced, trafficUsd } from '../../src/domain/meter.ts';
import { aMeter } from '../support/builders.ts';

const HOUR_MS = 3_600_000;
const price = fc.double({ min: 0, max: 20, noNaN: true });
const atMs = fc.integer({ min: 0, max: 100 * HOUR_MS });

/** A contract at any point of its life, its moments in order. */
const meter: fc.Arbitrary<Meter> = fc
  .tuple(
    fc.array(atMs, { minLength: 4, maxLength: 4 }).map((all) => all.sort((a, b) => a - b)),
    fc.integer({ min: 0, max: 4 }),
    fc.boolean(),
    fc.tuple(price, price, fc.nat(1_000_000), fc.nat(1_000_000)),
  )
  .map(([moments, reached, everStopped, [gpuUsdPerHour, storageUsdPerHour, downloadMb, uploadMb]]) =>
    aMeter({
      gpuUsdPerHour,
      storageUsdPerHour,
      downloadMb,
      uploadMb,
      createdAtMs: reached > 0 ? (moments[0] ?? 0) : null,
      runningAtMs: reached > 1 ? (moments[1] ?? 0) : null,
      stoppedAtMs: reached > 2 && everStopped ? (moments[2] ?? 0) : null,
      goneAtMs: reached > 3 ? (moments[3] ?? 0) : null,
    }),
  );

describe('what a contract costs', () => {
  test('the GPU counts while it runs, the disk from create to gone, traffic by the gigabyte', () => {
    const contract = aMeter({
      gpuUsdPerHour: 1,
      storageUsdPerHour: 0.1,
      createdAtMs: 0,
      runningAtMs: HOUR_MS,
      stoppedAtMs: 3 * HOUR_MS,
      goneAtMs: 4 * HOUR_MS,
      downloadMb: 20_000,
      uploadMb: 1_000,
    });
    expect(costAt(contract, 9 * HOUR_MS)).toEqual({
      gpu: 2,
      storage: expect.closeTo(0.4, 9),
      bandwidth: expect.closeTo(0.043, 9),
      total: expect.closeTo(2.443, 9),
    });
    expect(trafficUsd(contract)).toBeCloseTo(0.043, 9);
  });

  test('a create nobody answered and a container that never ran cost no GPU', () => {
    expect(costAt(aMeter({ createdAtMs: null }), HOUR_MS).total).toBe(0);
    expect(costAt(aMeter(), HOUR_MS)).toMatchObject({ gpu: 0, storage: 0.01 });
  });

  test('is never negative, never falls as time passes, and is the sum of its parts', () => {
    fc.assert(
      fc.property(meter, atMs, atMs, (contract, now, later) => {
        const first = costAt(contract, now);
        const second = costAt(contract, now + later);
        for (const part of ['gpu', 'storage', 'bandwidth', 'total'] as const) {
          expect(first[part]).toBeGreaterThanOrEqual(0);
          expect(second[part]).toBeGreaterThanOrEqual(first[part]);
        }
        expect(first.total).toBeCloseTo(first.gpu + first.storage + first.bandwidth, 9);
      }),
    );
  });

  test('rises by no more than what was said to burn', () => {
    fc.assert(
      fc.property(meter, atMs, fc.nat(10 * HOUR_MS), (contract, now, ms) => {
        fc.pre(contract.goneAtMs === null && contract.createdAtMs !== null && contract.stoppedAtMs === null);
        const rise = costAt(contract, now + ms).total - costAt(contract, now).total;
        expect(rise).toBeLessThanOrEqual((burnAt(contract) * ms) / HOUR_MS + 1e-9);
      }),
    );
  });

  test('of several contracts is the sum of each', () => {
    fc.assert(
      fc.property(fc.array(meter, { maxLength: 6 }), atMs, (contracts, now) => {
        const costs = contracts.map((contract) => costAt(contract, now));
        const sum = addUsd(costs);
        expect(sum.total).toBeCloseTo(sum.gpu + sum.storage + sum.bandwidth, 6);
        expect(sum.gpu).toBeCloseTo(
          costs.reduce((total, { gpu }) => total + gpu, 0),
          9,
        );
      }),
    );
  });
});

describe('what goes on burning', () => {
  test('a container about to run counts as running, a stopped one costs its disk, one that is gone nothing', () => {
    expect(burnAt(aMeter())).toBeCloseTo(0.41, 9);
    expect(burnAt(aMeter({ runningAtMs: 1, stoppedAtMs: 2 }))).toBe(0.01);
    expect(burnAt(aMeter({ goneAtMs: 2 }))).toBe(0);
    expect(burnAt(aMeter({ createdAtMs: null }))).toBe(0);
  });
});

describe('a price that moves', () => {
  const running = aMeter({ gpuUsdPerHour: 1, storageUsdPerHour: 0, runningAtMs: 0, pricedAtMs: 0 });
  const read = (gpuUsdPerHour: number, hour: number) => ({
    gpuUsdPerHour,
    storageUsdPerHour: 0,
    observedAtMs: hour * HOUR_MS,
  });

  test('falls without making the hours before it cheaper', () => {
    expect(costAt(repriced(running, read(0.5, 2)), 4 * HOUR_MS).gpu).toBeCloseTo(2 * 1 + 2 * 0.5, 9);
  });

  test('rises from the reading before, since when it rose is not told', () => {
    const seen = repriced(running, read(1, 1));
    expect(costAt(repriced(seen, read(3, 2)), 4 * HOUR_MS).gpu).toBeCloseTo(1 * 1 + 3 * 3, 9);
  });

  test('the contract’s first price counts from its start: the offer’s was never billed', () => {
    const offered = { ...running, pricedAtMs: null };
    expect(costAt(repriced(offered, read(1.1, 2)), 2 * HOUR_MS).gpu).toBeCloseTo(2.2, 9);
  });

  test('an older reading that comes late changes nothing', () => {
    const seen = repriced(running, read(0.5, 2));
    expect(repriced(seen, read(9, 1))).toBe(seen);
  });

  test('however it moves, what was spent never shrinks, and stays between the lowest and highest price', () => {
    const readings = fc.array(fc.tuple(price, fc.integer({ min: 1, max: 5 * HOUR_MS })), { maxLength: 20 });
    fc.assert(
      fc.property(readings, (all) => {
        let contract = aMeter({ gpuUsdPerHour: 1, storageUsdPerHour: 0, runningAtMs: 0, pricedAtMs: 0 });
        let nowMs = 0;
        for (const [usdPerHour, ms] of all) {
          nowMs += ms;
          const spentBefore = costAt(contract, nowMs).total;
          contract = repriced(contract, {
            gpuUsdPerHour: usdPerHour,
            storageUsdPerHour: 0,
            observedAtMs: nowMs,
          });
          expect(costAt(contract, nowMs).total).toBeGreaterThanOrEqual(spentBefore - 1e-9);
        }
        const prices = [1, ...all.map(([usdPerHour]) => usdPerHour)];
        const hours = nowMs / HOUR_MS;
        const { total } = costAt(contract, nowMs);
        expect(total).toBeLessThanOrEqual(Math.max(...prices) * hours + 1e-6);
        expect(total).toBeGreaterThanOrEqual(Math.min(...prices) * hours - 1e-6);
        expect(JSON.parse(JSON.stringify(contract))).toEqual(structuredClone(contract));
      }),
    );
  });
});
