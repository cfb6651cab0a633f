import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Attempt,
  attemptBurn,
  attemptSpent,
  attemptView,
  gpuText,
  mayExist,
  meterWith,
  openAttempt,
  receiptInstance,
} from '../../src/domain/attempt.ts';
import type { ContractBill } from '../../src/domain/market.ts';
import { costAt } from '../../src/domain/meter.ts';
import { aChoice, aMeter, someFacts } from '../support/builders.ts';

const HOUR_MS = 3_600_000;

function anAttempt(set: Partial<Attempt> = {}): Attempt {
  return { ...openAttempt({ attempt: 1, label: 'its label', choice: aChoice(), nowMs: 0 }), ...set };
}

describe('what an attempt may cost', () => {
  test('nothing while no create was sent', () => {
    expect(mayExist(anAttempt())).toBe(false);
    expect(attemptBurn(anAttempt())).toBe(0);
    expect(attemptSpent(anAttempt(), HOUR_MS).total).toBe(0);
  });

  test('its offer’s price from the moment its create went out, until somebody answers', () => {
    const unknown = anAttempt({ createSentAtMs: HOUR_MS });
    expect(attemptBurn(unknown)).toBe(0.42);
    expect(attemptSpent(unknown, 3 * HOUR_MS).total).toBeCloseTo(0.84, 9);
  });

  test('its contract’s once that is known, and no more once it is gone', () => {
    const meter = aMeter({ createdAtMs: HOUR_MS, runningAtMs: 2 * HOUR_MS });
    const rented = anAttempt({ createSentAtMs: HOUR_MS, meter });
    expect(attemptBurn(rented)).toBeCloseTo(0.41, 9);
    expect(attemptSpent(rented, 3 * HOUR_MS).total).toBeCloseTo(0.42, 9);
    const gone = anAttempt({ createSentAtMs: HOUR_MS, meter: { ...meter, goneAtMs: 3 * HOUR_MS } });
    expect(mayExist(gone)).toBe(false);
    expect(attemptBurn(gone)).toBe(0);
    expect(attemptSpent(gone, 9 * HOUR_MS).total).toBeCloseTo(0.42, 9);
  });

  test('nothing once it is shown that no contract came of it', () => {
    const never = anAttempt({ createSentAtMs: 0, meter: aMeter({ createdAtMs: null, goneAtMs: HOUR_MS }) });
    expect(attemptSpent(never, 9 * HOUR_MS).total).toBe(0);
  });
});

describe('a look at the instance', () => {
  const running = aMeter({ createdAtMs: 0, runningAtMs: HOUR_MS });

  test('puts the provider’s own figures in the place of the offer’s, from the start', () => {
    const facts = someFacts({
      gpuUsdPerHour: 0.5,
      storageUsdPerHour: 0.02,
      createdAtMs: 1_000,
      runningAtMs: 61_000,
      observedAtMs: HOUR_MS,
      downloadMb: 15_000,
    });
    expect(meterWith(aMeter({ createdAtMs: 0 }), facts)).toMatchObject({
      gpuUsdPerHour: 0.5,
      storageUsdPerHour: 0.02,
      createdAtMs: 1_000,
      runningAtMs: 61_000,
      downloadMb: 15_000,
      stoppedAtMs: null,
      earlier: null,
    });
  });

  test('that says nothing changes nothing', () => {
    const silent = someFacts({
      gpuUsdPerHour: null,
      storageUsdPerHour: null,
      usdPerHour: null,
      observedAtMs: 9,
    });
    expect(meterWith(running, silent)).toEqual(running);
  });

  test.each(['stopped', 'exited', 'offline', 'loading', 'created'])(
    'stops the GPU’s bill at `%s`',
    (actualStatus) => {
      const stopped = meterWith(running, someFacts({ actualStatus, observedAtMs: 3 * HOUR_MS }));
      expect(stopped.stoppedAtMs).toBe(3 * HOUR_MS);
      const later = meterWith(stopped, someFacts({ actualStatus, observedAtMs: 4 * HOUR_MS }));
      expect(later.stoppedAtMs).toBe(3 * HOUR_MS);
    },
  );

  test.each([null, 'running', 'rebooting', 'recycling', 'frozen', 'unknown'])(
    'goes on with it at `%s`',
    (actualStatus) => {
      expect(
        meterWith(running, someFacts({ actualStatus, observedAtMs: 3 * HOUR_MS })).stoppedAtMs,
      ).toBeNull();
    },
  );

  test('a container that has not run yet has not stopped', () => {
    const loading = someFacts({ actualStatus: 'loading', observedAtMs: HOUR_MS });
    expect(meterWith(aMeter({ createdAtMs: 0 }), loading).stoppedAtMs).toBeNull();
  });

  test('a stopped one whose row shows only the disk’s price keeps what its GPU cost', () => {
    const seen = meterWith(running, someFacts({ gpuUsdPerHour: 0.4, observedAtMs: 2 * HOUR_MS }));
    const row = someFacts({ actualStatus: 'stopped', gpuUsdPerHour: 0, observedAtMs: 3 * HOUR_MS });
    expect(costAt(meterWith(seen, row), 9 * HOUR_MS).gpu).toBeCloseTo(2 * 0.4, 9);
  });

  test('traffic counted once is not uncounted by a row without it or with less', () => {
    const much = meterWith(running, someFacts({ downloadMb: 9_000, uploadMb: 20 }));
    expect(meterWith(much, someFacts({ downloadMb: 8_000, uploadMb: null }))).toMatchObject({
      downloadMb: 9_000,
      uploadMb: 20,
    });
  });

  test('whatever looks come in, what it cost never shrinks once the contract’s price is known', () => {
    const price = fc.option(fc.double({ min: 0, max: 9, noNaN: true }));
    const look = fc.record({
      gpuUsdPerHour: price,
      storageUsdPerHour: price,
      downloadMb: fc.option(fc.nat(100_000)),
      waitMs: fc.nat(HOUR_MS),
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 20 }), (looks) => {
        let meter = meterWith(running, someFacts({ observedAtMs: HOUR_MS }));
        let nowMs = HOUR_MS;
        for (const { waitMs, ...set } of looks) {
          nowMs += waitMs;
          const before = costAt(meter, nowMs).total;
          meter = meterWith(meter, someFacts({ ...set, observedAtMs: nowMs }));
          expect(costAt(meter, nowMs).total).toBeGreaterThanOrEqual(before - 1e-9);
        }
      }),
    );
  });
});

describe('as people see it', () => {
  test('an attempt shows its card, its price, its instance and its dollars so far', () => {
    const meter = aMeter({ createdAtMs: 0, runningAtMs: 0 });
    const attempt = anAttempt({ createSentAtMs: 0, meter, instanceIds: [9001, 9002], phase: 'booting' });
    expect(attemptView(attempt, HOUR_MS)).toMatchObject({
      attempt: 1,
      gpu: 'RTX 4090',
      usdPerHour: expect.closeTo(0.41, 9),
      phase: 'booting',
      instanceId: 9001,
      usd: expect.closeTo(0.41, 9),
    });
    expect(gpuText(aChoice({ gpuCount: 2 }))).toBe('2× RTX 4090');
  });

  test('an attempt shows when it was there, ran and was READY, and what that was expected to take', () => {
    const choice = aChoice({ pullMsExpected: 60_000, bootMsExpected: 90_000 });
    expect(attemptView(anAttempt({ choice }), HOUR_MS)).toMatchObject({
      ...{ createdAtMs: null, runningAtMs: null, readyAtMs: null },
      ...{ runningMsExpected: 60_000, readyMsExpected: 90_000 },
    });
    const meter = aMeter({ createdAtMs: 1_000, runningAtMs: 2_000 });
    expect(attemptView(anAttempt({ meter, readyAtMs: 3_000 }), HOUR_MS)).toMatchObject({
      ...{ createdAtMs: 1_000, runningAtMs: 2_000, readyAtMs: 3_000 },
    });
  });

  test('a receipt shows the looks that proved it gone, the last of them', () => {
    const seenAbsent = [1, 2, 3].flatMap((atMs) => [
      { atMs, by: 'id' as const },
      { atMs, by: 'list' as const },
    ]);
    const line = receiptInstance(anAttempt({ seenAbsent, destroySentAtMs: 1 }), HOUR_MS);
    expect(line).toMatchObject({ instanceId: null, label: 'its label', destroySentAtMs: 1, goneAtMs: null });
    expect(line.seenAbsent).toEqual(seenAbsent.slice(2));
  });

  test('an attempt is plain JSON, as it is carried from run to run', () => {
    const attempt = anAttempt();
    expect(JSON.parse(JSON.stringify(attempt))).toEqual(structuredClone(attempt));
  });
});

describe('what an instance cost, in the receipt', () => {
  const meter = aMeter({ createdAtMs: 0, runningAtMs: null, goneAtMs: HOUR_MS });
  const attempt = anAttempt({ createSentAtMs: 0, meter, instanceIds: [4_001] });
  const aBill = (set: Partial<ContractBill> = {}): ContractBill => ({
    instanceId: 4_001,
    label: 'its label',
    usd: { gpu: 0.4, storage: 0.02, bandwidth: 0.1, total: 0.52 },
    ...set,
  });

  test.each([
    ['under its label', aBill({ instanceId: null })],
    ['under its id, whatever it is called now', aBill({ label: 'renamed' })],
  ])('what it was billed %s, where nobody saw it run', (_how, bill) => {
    expect(receiptInstance(attempt, HOUR_MS, [bill]).usd).toEqual(bill.usd);
  });

  test('what was metered, where the bills lag behind or are another’s', () => {
    const metered = receiptInstance(attempt, HOUR_MS).usd;
    const lagging = aBill({ usd: { gpu: 0, storage: 0, bandwidth: 0, total: 0 } });
    const others = aBill({ instanceId: 5_001, label: 'another' });
    expect(receiptInstance(attempt, HOUR_MS, [lagging, others]).usd).toEqual(metered);
  });
});
