import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BootFacts, expectedBoot, phaseDeadlines } from '../../src/domain/boot-time.ts';

const MINUTE_MS = 60_000;

function facts(set: Partial<BootFacts> = {}): BootFacts {
  return { downloadMbps: 1_000, diskMbPerSecond: 2_000, imageGb: 10, weightsGb: 15, ...set };
}

const anyFacts = fc.record({
  downloadMbps: fc.double({ min: 0, max: 20_000, noNaN: true }),
  diskMbPerSecond: fc.double({ min: 0, max: 20_000, noNaN: true }),
  imageGb: fc.double({ min: 0, max: 50, noNaN: true }),
  weightsGb: fc.double({ min: 0, max: 300, noNaN: true }),
});
const anyMs = fc.integer({ min: 1, max: 240 * MINUTE_MS });

test('a gigabit host pulls vLLM in under two minutes and has a 7B model up in about five', () => {
  const { pullMs, loadMs, totalMs } = expectedBoot(facts());
  expect(pullMs).toBe(20_000 + 80_000 + 12_500);
  expect(loadMs).toBe(60_000 + 120_000 + 7_500);
  expect(totalMs).toBe(pullMs + loadMs);
});

test('a host of 50 Mbps would need more than an hour', () => {
  expect(expectedBoot(facts({ downloadMbps: 50 })).totalMs).toBeGreaterThan(60 * MINUTE_MS);
});

test('nothing is expected faster than registries give, whatever the line', () => {
  expect(expectedBoot(facts({ downloadMbps: 10_000 }))).toEqual(expectedBoot(facts({ downloadMbps: 2_000 })));
});

test('a market that boots sixty times faster is expected to', () => {
  expect(expectedBoot(facts({ timeFactor: 1 / 60 })).totalMs).toBe(Math.round(300_000 / 60));
});

test('a faster line or disk never makes a boot longer', () => {
  const more = fc.double({ min: 0, max: 5_000, noNaN: true });
  fc.assert(
    fc.property(anyFacts, more, more, (slow, mbps, mbPerSecond) => {
      const fast = {
        ...slow,
        downloadMbps: slow.downloadMbps + mbps,
        diskMbPerSecond: slow.diskMbPerSecond + mbPerSecond,
      };
      expect(expectedBoot(fast).pullMs).toBeLessThanOrEqual(expectedBoot(slow).pullMs);
      expect(expectedBoot(fast).loadMs).toBeLessThanOrEqual(expectedBoot(slow).loadMs);
      const cap = { maxStartupMs: 60 * MINUTE_MS };
      expect(phaseDeadlines({ ...fast, ...cap }).bootDeadlineMs).toBeLessThanOrEqual(
        phaseDeadlines({ ...slow, ...cap }).bootDeadlineMs,
      );
    }),
  );
});

test('no deadline is beyond the cap of the attempt, nor zero or less', () => {
  fc.assert(
    fc.property(anyFacts, anyMs, (any, maxStartupMs) => {
      for (const ms of Object.values(phaseDeadlines({ ...any, maxStartupMs }))) {
        expect(ms).toBeLessThanOrEqual(maxStartupMs);
        expect(ms).toBeGreaterThan(0);
      }
    }),
  );
});

test('a phase is given at least what it is expected to take, where the cap allows', () => {
  fc.assert(
    fc.property(anyFacts, anyMs, (any, maxStartupMs) => {
      const { pullMs, loadMs } = expectedBoot(any);
      const { bootDeadlineMs, vllmDeadlineMs } = phaseDeadlines({ ...any, maxStartupMs });
      expect(bootDeadlineMs).toBeGreaterThanOrEqual(Math.min(pullMs, maxStartupMs));
      expect(vllmDeadlineMs).toBeGreaterThanOrEqual(Math.min(loadMs, maxStartupMs));
    }),
  );
});

test('even a fast host is given three minutes to start and four to load', () => {
  const nothing = facts({ downloadMbps: 2_000, imageGb: 0, weightsGb: 0 });
  expect(phaseDeadlines({ ...nothing, maxStartupMs: 15 * MINUTE_MS })).toEqual({
    bootDeadlineMs: 3 * MINUTE_MS,
    vllmDeadlineMs: 4 * MINUTE_MS,
  });
});
