import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openAttempt } from '../../src/domain/attempt.ts';
import { failureOf, toAttemptFailure } from '../../src/domain/failure.ts';
import {
  adviceOf,
  factorOf,
  forgetting,
  type MachineNote,
  notesOf,
  REMEMBERED_MS,
  recall,
} from '../../src/domain/machine-memory.ts';
import { aChoice } from '../support/builders.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 2, 10, 12);

/** `ago` hours before now, on machine 501. */
function aNote(kind: string, ago: number, set: Partial<MachineNote> = {}): MachineNote {
  const atMs = NOW - ago * HOUR;
  return { machineId: 501, label: `${kind}.${atMs}`, kind, atMs, servedMs: 0, ...set };
}

const avoidedHours = (notes: readonly MachineNote[]) => {
  const untilMs = recall(notes, NOW)[0]?.avoidedUntilMs ?? null;
  return untilMs === null ? null : (untilMs - NOW) / HOUR;
};

describe('a failure', () => {
  test('of a broken host is avoided for days, of a slow one for hours, and a doubtful one only scores less', () => {
    expect(avoidedHours([aNote('cdi-error', 2)])).toBe(70);
    expect(avoidedHours([aNote('pull-network', 2)])).toBe(10);
    expect(avoidedHours([aNote('exited', 0.5)])).toBeNull();
    const { standing, factor } = recall([aNote('exited', 0.5)], NOW)[0] ?? {};
    expect(standing).toBe('doubtful');
    expect(factor).toBeLessThan(factorOf(undefined));
  });

  test('is over at its time, and goes on lowering the score for a while', () => {
    const [old] = recall([aNote('pull-network', 13)], NOW);
    expect(old).toMatchObject({ standing: 'doubtful', avoidedUntilMs: null });
    expect(old?.factor).toBeLessThan(0.4);
    expect(recall([aNote('pull-network', 240)], NOW)[0]?.factor).toBeCloseTo(0.5, 2);
  });

  test('that comes again is avoided four times as long each time, a doubtful one from the second on', () => {
    expect(avoidedHours([aNote('pull-network', 20), aNote('pull-network', 2)])).toBe(46);
    expect(avoidedHours([aNote('exited', 20), aNote('exited', 1)])).toBe(3);
    const often = Array.from({ length: 9 }, (_, nth) => aNote('cdi-error', 1 + nth));
    expect(avoidedHours(often)).toBe(30 * 24 - 1);
  });

  test('before the last READY blocks nothing: the machine has served since', () => {
    const notes = [aNote('cdi-error', 5), aNote('ready', 3, { servedMs: 2 * HOUR })];
    expect(recall(notes, NOW)[0]).toMatchObject({ standing: 'proven', avoidedUntilMs: null, timesReady: 1 });
    expect(avoidedHours([...notes, aNote('pull-network', 1)])).toBe(11);
  });

  test('of an attempt that was READY counts, whenever its service is written', () => {
    const served = aNote('ready', 3, { servedMs: 2 * HOUR });
    expect(avoidedHours([served, aNote('host-offline', 1)])).toBe(11);
    expect(recall([served, aNote('host-offline', 1)], NOW)[0]?.servedMs).toBe(2 * HOUR);
  });

  test('older than what is remembered, or of a kind that only a newer version knows, says nothing', () => {
    expect(recall([aNote('cdi-error', REMEMBERED_MS / HOUR + 1)], NOW)).toEqual([]);
    expect(recall([aNote('haunted', 1)], NOW)).toEqual([]);
    expect(recall([aNote('model-gated', 1), aNote('outbid', 1), aNote('no-credit', 1)], NOW)).toEqual([]);
  });
});

test('service prefers a machine, more of it more', () => {
  const once = recall([aNote('ready', 5)], NOW)[0]?.factor ?? 0;
  const long = recall([aNote('ready', 50, { servedMs: 48 * HOUR })], NOW)[0]?.factor ?? 0;
  expect(once).toBeGreaterThan(factorOf(undefined));
  expect(long).toBeGreaterThan(once);
  expect(long).toBeLessThanOrEqual(1);
});

test('a machine that was forgotten is as unknown, and what comes after counts', () => {
  const forgotten = [aNote('cdi-error', 5), forgetting(501, NOW - HOUR)];
  expect(recall(forgotten, NOW)).toEqual([]);
  expect(avoidedHours([...forgotten, aNote('pull-network', 0.5)])).toBe(11.5);
  // The session that saw it writes the same failure again with its receipt.
  expect(recall([...forgotten, aNote('cdi-error', 5)], NOW)).toEqual([]);
});

test('a search is told why a machine is passed over, and until when', () => {
  const advice = adviceOf([aNote('cdi-error', 2), aNote('exited', 1, { machineId: 502 })], NOW);
  expect(advice[501]?.avoid).toBe('remembered: cdi-error 2 h ago; avoided until 2026-03-13 10:00 UTC');
  expect(advice[502]?.avoid).toBeNull();
});

test('avoided machines are listed first, then those seen last', () => {
  const notes = [
    aNote('ready', 1, { machineId: 1 }),
    aNote('ready', 2, { machineId: 2 }),
    aNote('cdi-error', 9, { machineId: 3 }),
  ];
  expect(recall(notes, NOW).map(({ machineId }) => machineId)).toEqual([3, 1, 2]);
});

test('whatever is remembered, in any order: factors stay within 0 and 1, blocks end within 30 days', () => {
  const kinds = fc.constantFrom('cdi-error', 'exited', 'pull-network', 'ready', 'forgotten', 'outbid');
  const note = fc
    .record({
      kind: kinds,
      ago: fc.integer({ min: 0, max: 2_000 }),
      machineId: fc.integer({ min: 1, max: 3 }),
    })
    .map(({ kind, ago, machineId }) => aNote(kind, ago, { machineId }));
  fc.assert(
    fc.property(fc.array(note, { maxLength: 30 }), (notes) => {
      const standings = recall(notes, NOW);
      expect(recall(notes.toReversed(), NOW).map(({ factor }) => factor)).toEqual(
        standings.map(({ factor }) => factor),
      );
      for (const { factor, avoidedUntilMs } of standings) {
        expect(factor).toBeGreaterThanOrEqual(0);
        expect(factor).toBeLessThanOrEqual(1);
        expect((avoidedUntilMs ?? NOW) - NOW).toBeLessThanOrEqual(30 * 24 * HOUR);
      }
    }),
  );
});

describe('what an attempt tells of its machine', () => {
  const attempted = (machineId: number, set: object = {}) => ({
    ...openAttempt({
      attempt: machineId,
      label: `label-${machineId}`,
      choice: aChoice({ machineId }),
      nowMs: NOW,
    }),
    ...set,
  });
  const failed = (machineId: number, kind: Parameters<typeof failureOf>[0], set: object = {}) =>
    attempted(machineId, { failure: toAttemptFailure(failureOf(kind)), hostFailedAtMs: NOW, ...set });

  test('is its failure where the host is to blame, and nothing otherwise', () => {
    const notes = notesOf([
      failed(1, 'cdi-error'),
      failed(2, 'outbid', { hostFailedAtMs: undefined }),
      attempted(3),
    ]);
    expect(notes).toEqual([{ machineId: 1, label: 'label-1', kind: 'cdi-error', atMs: NOW, servedMs: 0 }]);
  });

  test('is taken back when a second machine showed that it was the caller’s', () => {
    const callers = { ...toAttemptFailure(failureOf('engine-died')), whose: 'caller' as const };
    expect(
      notesOf([failed(1, 'engine-died'), attempted(2, { failure: callers }), failed(3, 'cdi-error')]),
    ).toMatchObject([{ machineId: 3 }]);
  });

  test('is how long it served, until it failed or was given back', () => {
    const readyAtMs = NOW - 3 * HOUR;
    expect(notesOf([attempted(1, { readyAtMs, destroySentAtMs: NOW })])).toEqual([
      { machineId: 1, label: 'label-1', kind: 'ready', atMs: readyAtMs, servedMs: 3 * HOUR },
    ]);
    const lost = failed(2, 'host-offline', { readyAtMs, destroySentAtMs: NOW + HOUR });
    expect(notesOf([lost])).toMatchObject([
      { kind: 'host-offline', atMs: NOW },
      { kind: 'ready', servedMs: 3 * HOUR },
    ]);
  });
});
